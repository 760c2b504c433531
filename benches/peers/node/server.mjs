// A peer for measuring, not a product: the part of the driver app's contract that the load tool uses, on Node.js with
// ws and better-sqlite3, on a database that `fleetwire migrate` and `fleetwire seed` have made.
//
// Written as one would for speed: one process, no web framework, prepared statements, positions in transactions of 250
// rows each 250 ms with the event loop let go between them, and the same durability as Fleetwire's default (the disk
// has an order before it is answered, positions follow).
//
// Left out, and therefore free of charge here: replay and resume, confirmation by the device, idempotency keys, limits
// of any kind (rates, sizes, queues, slow readers, orders of a driver), the driver's status and newest position in the
// driver's row, suspension and revoked tokens, expiry while connected, metrics, logs, an orderly stop.

import { createSecretKey, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Database from "better-sqlite3";
import jwt from "jsonwebtoken";
import { WebSocketServer } from "ws";

const FLUSH_MS = 250;
const BATCH_ROWS = 250;
const HEARTBEAT_MS = 30_000;
const AHEAD_MAX_MS = 60_000;
const AGE_MAX_MS = 24 * 60 * 60_000;
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

const secret = createSecretKey(Buffer.from(process.env.JWT_SECRET));
const [host, port] = process.env.BIND.split(":");

class Refused extends Error {
    constructor(status, code, message) {
        super(message);
        Object.assign(this, { status, code });
    }
}

// --- the database

const db = new Database(process.env.DATABASE_URL.replace("sqlite://", ""));
db.pragma("journal_mode = WAL");

const insertPosition = db.prepare(
    "INSERT INTO driver_locations (driver_id, latitude, longitude, accuracy, heading, speed, battery_level, created_at) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
);
const insertOrder = db.prepare(
    "INSERT INTO jobs (public_id, kind, status, restaurant_name, pickup_address, dropoff_address, earnings_minor, " +
        "distance_km, requested_at) VALUES (?, 'delivery', 'requested', ?, ?, ?, ?, ?, ?)",
);
const claimOrder = db.prepare(
    "UPDATE jobs SET status = 'assigned', driver_id = ?, assigned_at = ? " +
        "WHERE id = ? AND kind = 'delivery' AND status = 'requested' RETURNING *",
);
const statusOfOrder = db.prepare("SELECT status FROM jobs WHERE id = ? AND kind = 'delivery'").pluck();
const accountOfDriver = db.prepare("SELECT account_id FROM drivers WHERE id = ?").pluck();
const takeEventId = db
    .prepare("UPDATE accounts SET last_event_id = last_event_id + 1 WHERE id = ? RETURNING last_event_id")
    .pluck();
const newestEventId = db
    .prepare("SELECT last_event_id FROM accounts JOIN drivers ON account_id = accounts.id WHERE drivers.id = ?")
    .pluck();
const insertEvent = db.prepare(
    "INSERT INTO events (account_id, event_id, job_id, name, body, created_at) VALUES (?, ?, ?, 'order_assigned', ?, ?)",
);

/** Runs in a transaction that commits with the given `synchronous`: FULL waits for the disk, NORMAL does not. */
function transaction(synchronous, body) {
    const run = db.transaction(body);
    return (...parameters) => {
        db.pragma(`synchronous = ${synchronous}`);
        return run.immediate(...parameters);
    };
}

const storePositions = transaction("NORMAL", (rows) => {
    for (const row of rows) insertPosition.run(row);
});

const createOrder = transaction("FULL", (order) => {
    const { restaurant_name, pickup_address, delivery_address, earnings, distance_km } = order;
    const inserted = insertOrder.run(
        randomUUID(),
        restaurant_name,
        pickup_address,
        delivery_address,
        Math.round(earnings * 100),
        distance_km,
        columnTime(Date.now()),
    );
    return { order_id: Number(inserted.lastInsertRowid), status: "pending" };
});

const assignOrder = transaction("FULL", (orderId, driverId) => {
    const now = Date.now();
    const account = accountOfDriver.get(driverId);
    if (account === undefined) throw new Refused(404, "not_found", "there is no such driver");
    const row = claimOrder.get(driverId, columnTime(now), orderId);
    if (row === undefined) {
        const status = statusOfOrder.get(orderId);
        if (status === undefined) throw new Refused(404, "not_found", "there is no such order");
        throw new Refused(409, "order_state", `the order is ${status}`);
    }
    const data = {
        order_id: row.id,
        restaurant_name: row.restaurant_name,
        pickup_address: row.pickup_address,
        delivery_address: row.dropoff_address,
        earnings: row.earnings_minor / 100,
        distance_km: row.distance_km,
    };
    const id = takeEventId.get(account);
    insertEvent.run(account, id, row.id, JSON.stringify(data), columnTime(now));
    return { type: "order_assigned", id, data, timestamp: new Date(now).toISOString() };
});

/** UTC as the tables have it: `2026-11-20 08:24:00`, with milliseconds where there are any. */
function columnTime(ms) {
    const text = new Date(ms).toISOString();
    return `${text.slice(0, 10)} ${text.slice(11, ms % 1000 === 0 ? 19 : 23)}`;
}

// --- positions

let waiting = [];
let isFlushing = false;

/** Writes a batch, lets the event loop go on, and comes back for the rest. What fails stays for the next time. */
function flush() {
    const batch = waiting.slice(0, BATCH_ROWS);
    isFlushing = batch.length > 0;
    if (!isFlushing) return;
    try {
        storePositions(batch);
    } catch (error) {
        console.error("positions were not written, trying again:", error.message);
        isFlushing = false;
        return;
    }
    waiting = waiting.slice(BATCH_ROWS);
    setImmediate(flush);
}

setInterval(() => isFlushing || flush(), FLUSH_MS);

/** The row of a position, or an error. */
function positionRow(driverId, data, now) {
    const invalid = (message) => new Refused(422, "invalid_position", message);
    if (typeof data !== "object" || data === null) throw invalid("data is missing");
    const { latitude, longitude } = data;
    if (!(Number.isFinite(latitude) && Math.abs(latitude) <= 90)) throw invalid("latitude is out of range");
    if (!(Number.isFinite(longitude) && Math.abs(longitude) <= 180)) throw invalid("longitude is out of range");
    const known = (name) => {
        const value = data[name] ?? null;
        if (value !== null && !Number.isFinite(value)) throw invalid(`${name} must be a number`);
        return value !== null && value < 0 ? null : value;
    };
    return [
        driverId,
        latitude,
        longitude,
        known("accuracy"),
        known("heading"),
        known("speed"),
        known("battery_level"),
        columnTime(measuredAt(data.timestamp ?? null, now)),
    ];
}

/** When it was measured, where that is sane; else now. */
function measuredAt(timestamp, now) {
    if (timestamp === null) return now;
    const time = typeof timestamp === "string" && RFC_3339.test(timestamp) ? Date.parse(timestamp) : NaN;
    if (Number.isNaN(time)) throw new Refused(422, "invalid_timestamp", "timestamp is not RFC 3339");
    return time - now <= AHEAD_MAX_MS && now - time <= AGE_MAX_MS ? time : now;
}

// --- sockets

const sessions = new Map();

function open(socket, driverId, token) {
    const claims = verified(token);
    const newest = newestEventId.get(driverId);
    if (claims?.role !== "driver" || claims.driver_id !== driverId || newest === undefined) {
        socket.close(4001, "authentication failed");
        return;
    }
    sessions.get(driverId)?.close(4003, "connected elsewhere");
    sessions.set(driverId, socket);
    socket.isAlive = true;
    socket.on("pong", () => (socket.isAlive = true));
    socket.on("message", (text, isBinary) => hear(socket, driverId, text, isBinary));
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
        if (sessions.get(driverId) === socket) sessions.delete(driverId);
    });
    tell(socket, "connected", { driver_id: driverId, session_id: randomUUID(), last_event_id: newest });
}

function hear(socket, driverId, text, isBinary) {
    if (isBinary) return socket.close(1003, "text only");
    try {
        const message = JSON.parse(text);
        switch (message?.type) {
            case "location_update":
                waiting.push(positionRow(driverId, message.data, Date.now()));
                break;
            case "ping":
                socket.send('{"type":"pong"}');
                break;
            default:
                throw new Refused(422, "unknown_type", "there is no message of that type");
        }
    } catch (error) {
        tell(socket, "error", { code: error.code ?? "invalid_message", message: error.message });
    }
}

function tell(socket, type, data) {
    socket.send(JSON.stringify({ type, data, timestamp: new Date().toISOString() }));
}

setInterval(() => {
    for (const socket of sessions.values()) {
        if (!socket.isAlive) {
            socket.terminate();
            continue;
        }
        socket.isAlive = false;
        socket.ping();
    }
}, HEARTBEAT_MS);

// --- REST

function verified(token) {
    try {
        const claims = jwt.verify(token ?? "", secret, { algorithms: ["HS256"] });
        return claims.typ === "access" ? claims : undefined;
    } catch {
        return undefined;
    }
}

function checkedOrder(order) {
    for (const name of ["restaurant_name", "pickup_address", "delivery_address"]) {
        const text = order?.[name];
        if (typeof text !== "string" || text.trim() === "" || text.length > 200) {
            throw new Refused(422, "invalid_field", `${name} must be a text of 1 to 200 characters`);
        }
    }
    for (const name of ["earnings", "distance_km"]) {
        if (!(Number.isFinite(order[name]) && order[name] >= 0)) {
            throw new Refused(422, "invalid_field", `${name} must be a number from 0`);
        }
    }
    return order;
}

function assign(orderId, body) {
    if (!Number.isSafeInteger(body?.driver_id)) throw new Refused(422, "invalid_field", "driver_id must be an id");
    const event = assignOrder(orderId, body.driver_id);
    sessions.get(body.driver_id)?.send(JSON.stringify(event));
    return { ...event.data, status: "assigned", driver_id: body.driver_id };
}

function route(method, path, body) {
    if (method === "POST" && path === "/api/v1/admin/orders") return [201, createOrder(checkedOrder(body))];
    const match = /^\/api\/v1\/admin\/orders\/(\d+)\/assign$/.exec(path);
    if (method === "POST" && match) return [200, assign(Number(match[1]), body)];
    throw new Refused(404, "not_found", "there is no such route");
}

function answered(request, text) {
    try {
        const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
        if (verified(token)?.role !== "admin") throw new Refused(401, "unauthorized", "an operator's token is needed");
        return route(request.method, request.url, JSON.parse(text));
    } catch (error) {
        if (error instanceof SyntaxError) return [400, { status: 400, code: "invalid_json", detail: error.message }];
        if (!(error instanceof Refused)) console.error(error);
        const { status = 500, code = "internal", message } = error;
        return [status, { status, code, detail: message }];
    }
}

const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
        const [status, body] = answered(request, Buffer.concat(chunks).toString());
        const text = JSON.stringify(body);
        response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
        response.end(text);
    });
});

const sockets = new WebSocketServer({ noServer: true });
server.on("upgrade", (request, socket, head) => {
    const url = new URL(request.url, "http://peer");
    const match = /^\/api\/v1\/ws\/driver\/(\d+)$/.exec(url.pathname);
    if (!match) return socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    sockets.handleUpgrade(request, socket, head, (ws) => open(ws, Number(match[1]), url.searchParams.get("token")));
});
server.listen(Number(port), host);
