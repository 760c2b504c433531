// The ride apps as their authors write them for a browser, from the contracts' pages alone: its own WebSocket and fetch, and no
// meaning for what the pages do not have. Evaluated in a page, where it leaves `RideApps`.

globalThis.RideApps = (() => {
  const PATIENCE_MS = 20_000;

  /** A value that comes, or the reason after the patience is over. */
  function within(promise, reason) {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`in vain: ${reason}`)), PATIENCE_MS); });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  /** What was put in first comes out first, also if somebody waits for it already. */
  class Inbox {
    #messages = [];
    #waiting = [];

    put(message) {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(message);
      else this.#messages.push(message);
    }

    take() {
      if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
      return new Promise((resolve) => this.#waiting.push(resolve));
    }
  }

  class Socket {
    constructor(url, known, position) {
      Object.assign(this, { url, known: new Set(known), position, heard: new Inbox(), positions: new Inbox() });
    }

    connect() {
      this.socket = new WebSocket(this.url);
      this.socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === this.position) this.positions.put(message.data ?? message);
        else if (this.known.has(message.type)) this.heard.put(message);
      };
      this.closed = new Promise((resolve) => { this.socket.onclose = ({ code }) => resolve(code); });
    }

    send(message) {
      this.socket.send(JSON.stringify(message));
    }

    /** The next message that the app has a meaning for. */
    next() {
      return within(this.heard.take(), 'a message');
    }

    /** The next message, which must be of this type. */
    async hear(type) {
      const message = await within(this.heard.take(), type);
      if (message.type !== type) throw new Error(`${JSON.stringify(message)} instead of ${type}`);
      return message;
    }

    /** The position that says that the driver is at this latitude. */
    async see(latitude) {
      for (;;) {
        const position = await within(this.positions.take(), `a position at ${latitude}`);
        if (position.latitude === latitude) return position;
      }
    }

    close() {
      this.socket.close(1000);
      return within(this.closed, 'the end of the connection');
    }
  }

  /** The passenger's app of ride matching: a socket for each ride, on an id of its own. */
  class MatchingPassenger extends Socket {
    constructor(rideId) {
      super(`${socketsBase()}/ws/ride/${rideId}/`, ['connection_established', 'pong', 'searching', 'driver_assigned', 'no_drivers', 'error',
        'ride_cancelled', 'driver_arrived', 'ride_started', 'ride_completed'], 'driver_location');
      this.rideId = rideId;
    }

    async open() {
      this.connect();
      const { ride_id } = await this.hear('connection_established');
      if (ride_id !== this.rideId) throw new Error(`connected to ${ride_id}`);
    }

    async findDriver({ latitude, longitude }) {
      this.send({
        type: 'find_driver', pickup_latitude: latitude, pickup_longitude: longitude, dropoff_latitude: latitude + 0.1,
        dropoff_longitude: longitude + 0.1, pickup_address: '123 Main St, Johannesburg', dropoff_address: '456 Oak St, Johannesburg',
        distance_km: 12.5, estimated_duration_minutes: 25, fare_amount: 150.0, passenger_phone: '+27123456789',
      });
      await this.hear('searching');
    }
  }

  /** The app of ride hailing, a passenger's or a driver's. */
  class HailingApp extends Socket {
    static async logIn(username, password) {
      const { access_token, user } = await api('POST', 'auth/login', { username, password });
      const app = new HailingApp(`${socketsBase()}/api/v1/ws/connect?token=${access_token}`, ['connected', 'pong', 'ride_joined',
        'ride_requested', 'ride_accepted', 'driver_arrived', 'ride_started', 'ride_completed', 'ride_cancelled', 'chat_message', 'error'], 'driver_location_update');
      Object.assign(app, { token: access_token, user });
      app.connect();
      const { data } = await app.hear('connected');
      if (data.user_id !== user.user_id) throw new Error(`connected as ${data.user_id}`);
      return app;
    }

    call(method, path, body) {
      return api(method, path, body, this.token);
    }

    async request({ latitude, longitude }) {
      const { ride_id } = await this.call('POST', 'rides', {
        ride_type: 'sedan', pickup_latitude: latitude, pickup_longitude: longitude, dropoff_latitude: latitude + 0.01,
        dropoff_longitude: longitude + 0.01, estimated_fare: 1500,
      });
      return ride_id;
    }

    async join(rideId) {
      this.send({ type: 'join_ride', ride_id: rideId });
      return (await this.hear('ride_joined')).data.ride;
    }

    locate({ latitude, longitude }) {
      return this.call('PUT', 'driver/location', { latitude, longitude, heading: 90, speed: 30 });
    }

    move(rideId, action, body = {}) {
      return this.call('POST', `rides/${rideId}/${action}`, body);
    }
  }

  function socketsBase() {
    return location.origin.replace(/^http/, 'ws');
  }

  async function api(method, path, body, token) {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(`/api/v1/${path}`, { method, headers, body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  return { Socket, MatchingPassenger, HailingApp };
})();
