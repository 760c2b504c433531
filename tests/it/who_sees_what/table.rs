//! The table of routes, roles and what is shown, and the marks by which each person's data is recognised.

use fleetwire::api::routes::ROUTES as ROUTES_OF_SERVER;

/// The callers. Those with the least access come first, since the others' actions change the world.
pub const ROLES: [Role; 14] = [
    Role::Anonymous,
    Role::Other,
    Role::Stranger,
    Role::Past,
    Role::Courier,
    Role::Technician,
    Role::Offered,
    Role::Chauffeur,
    Role::Holder,
    Role::Own,
    Role::Viewer,
    Role::Dispatcher,
    Role::Service,
    Role::Admin,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Nobody; on the matching app's socket the passenger of a ride of their own.
    Anonymous,
    /// A customer without open jobs.
    Other,
    /// The customer of the ride that has ended.
    Past,
    /// The customer whose the rides, the order and the booking are.
    Own,
    /// A driver who has nothing to do with any of it.
    Stranger,
    /// A driver who is offered a ride of the customer's.
    Offered,
    /// The driver who has the customer's ride, and had the one that has ended.
    Holder,
    /// The driver who has the guest's ride.
    Chauffeur,
    /// The driver who brings the customer's order.
    Courier,
    /// The driver who does the customer's booking.
    Technician,
    Service,
    Admin,
    /// Sees what an admin sees where the role may look at all.
    Dispatcher,
    /// The same, and no numbers.
    Viewer,
}

/// The data that the answers of a route may contain, by role. `holder.*` is all of a person's, `*` everybody's.
/// Everybody may see what is their own, and a route without roles shows nobody anything of anybody else.
pub type Row = (&'static str, &'static [(Role, &'static [&'static str])]);

/// How an operator sees rides: who drives, and from where to where; whom to call is the driver's to know.
const RIDES_TO_ADMIN: (Role, &[&str]) = (
    Role::Admin,
    &[
        "holder.*",
        "offered.*",
        "chauffeur.*",
        "own.place",
        "own.address",
        "past.place",
        "past.address",
        "guest.place",
    ],
);
/// How the two customers see their drivers. The one of the ride that ended more than a day ago sees neither position nor number.
const RIDE_TO_PAST: (Role, &[&str]) = (Role::Past, &["holder.name", "holder.plate"]);
const RIDE_TO_OWN: (Role, &[&str]) = (Role::Own, &["holder.*", "offered.*"]);
/// The contact and places for the driver of a ride; for a ride that has ended only the places.
const RIDE_TO_HOLDER: (Role, &[&str]) = (Role::Holder, &["own.*", "past.place", "past.address"]);
const RIDE_TO_CHAUFFEUR: (Role, &[&str]) = (Role::Chauffeur, &["guest.phone", "guest.place"]);
const ASKED: (Role, &[&str]) = (Role::Offered, &["own.place", "own.address"]);
/// The same once they have taken it.
const TAKEN: (Role, &[&str]) = (Role::Offered, &["own.*"]);
const EVERYTHING: &[(Role, &[&str])] = &[(Role::Admin, &["*"])];
const ORDERS: &[(Role, &[&str])] =
    &[(Role::Admin, &["own.place", "own.address"]), (Role::Service, &["own.place", "own.address"])];
const BOOKING: &[(Role, &[&str])] = &[
    (Role::Admin, &["technician.name", "own.place", "own.address"]),
    (Role::Service, &["technician.name", "own.place", "own.address"]),
    (Role::Own, &["technician.name"]),
    (Role::Technician, &["own.*"]),
];
/// An operator gives it to another in the course of the walk.
const BOOKING_MOVED: &[(Role, &[&str])] = &[
    (Role::Admin, &["technician.name", "stranger.name", "own.place", "own.address"]),
    (Role::Service, &["technician.name", "stranger.name", "own.place", "own.address"]),
    (Role::Own, &["technician.name", "stranger.name"]),
    (Role::Technician, &["own.*"]),
    (Role::Stranger, &["own.*"]),
];
/// Who has ended it has nobody to call any more.
const BOOKING_ENDED: &[(Role, &[&str])] = &[
    (Role::Admin, &["technician.name", "stranger.name", "own.place", "own.address"]),
    (Role::Service, &["technician.name", "stranger.name", "own.place", "own.address"]),
    (Role::Own, &["technician.name", "stranger.name"]),
    (Role::Technician, &["own.place", "own.address"]),
    (Role::Stranger, &["own.place", "own.address"]),
];
const NOBODYS: &[(Role, &[&str])] = &[];
const RIDE_MOVES: &[(Role, &[&str])] = &[RIDE_TO_HOLDER, RIDE_TO_CHAUFFEUR, TAKEN];
/// Who has ended it, or given it back, has nobody to call any more.
const LEFT_BY_HOLDER: (Role, &[&str]) =
    (Role::Holder, &["own.place", "own.address", "past.place", "past.address"]);
const LEFT_BY_CHAUFFEUR: (Role, &[&str]) = (Role::Chauffeur, &["guest.place"]);
const RIDE_LEFT: &[(Role, &[&str])] = &[LEFT_BY_HOLDER, LEFT_BY_CHAUFFEUR, ASKED];
/// The drivers' names are in what was pushed.
const PUSHED: &[(Role, &[&str])] = &[
    (Role::Admin, &["*"]),
    (Role::Own, &["holder.name", "technician.name", "courier.name"]),
    (Role::Past, &["holder.name"]),
];

pub const ROUTES: &[Row] = &[
    ("POST /api/v1/auth/login", NOBODYS),
    ("POST /api/v1/auth/refresh", NOBODYS),
    ("POST /api/v1/auth/logout", NOBODYS),
    ("POST /api/v1/auth/register", NOBODYS),
    ("POST /api/v1/auth/password", NOBODYS),
    ("GET /api/v1/auth/totp", NOBODYS),
    ("POST /api/v1/auth/totp", NOBODYS),
    ("POST /api/v1/auth/totp/confirm", NOBODYS),
    ("GET /api/v1/auth/sessions", NOBODYS),
    ("DELETE /api/v1/auth/sessions/{session_id}", NOBODYS),
    // Sockets: what was heard while all this came about. What a driver was told while they had a ride is theirs.
    (
        "GET /api/v1/ws/driver/{driver_id}",
        &[(Role::Holder, &["own.*", "past.*"]), ASKED, RIDE_TO_CHAUFFEUR, (Role::Courier, &["own.address"])],
    ),
    (
        "GET /api/v1/ws/connect",
        &[
            RIDES_TO_ADMIN,
            (Role::Past, &["holder.*"]),
            (Role::Own, &["holder.*", "technician.name", "own.*"]),
            (Role::Holder, &["own.*", "past.*"]),
            ASKED,
            RIDE_TO_CHAUFFEUR,
            (Role::Courier, &["own.address"]),
        ],
    ),
    ("GET /ws/ride/{ride_id}", &[(Role::Anonymous, &["chauffeur.*"])]),
    ("GET /ws/ride/{ride_id}/", &[(Role::Anonymous, &["chauffeur.*"])]),
    ("GET /api/v1/ws/stats", NOBODYS),
    ("GET /api/v1/driver/profile", NOBODYS),
    ("PUT /api/v1/driver/status", NOBODYS),
    ("GET /api/v1/orders/assigned", &[(Role::Courier, &["own.name", "own.phone", "own.address"])]),
    ("GET /api/v1/orders/mine", &[(Role::Own, &["courier.*"])]),
    ("GET /api/v1/orders/{id}", &[(Role::Own, &["courier.*"])]),
    ("POST /api/v1/orders/{id}/cancel", NOBODYS),
    ("PUT /api/v1/orders/{id}/status", &[(Role::Courier, &["own.name", "own.phone", "own.address"])]),
    ("GET /api/v1/earnings/today", NOBODYS),
    ("GET /api/v1/earnings/history", NOBODYS),
    // Passengers see which vehicles are about, to a thousandth of a degree.
    ("GET /api/v1/drivers/nearby", &[(Role::Admin, &["*.place"])]),
    ("PUT /api/v1/driver/location", NOBODYS),
    ("GET /api/v1/rides", &[RIDE_TO_OWN, RIDE_TO_PAST, RIDE_TO_HOLDER, RIDE_TO_CHAUFFEUR]),
    ("POST /api/v1/rides", NOBODYS),
    (
        "GET /api/v1/rides/{ride_id}",
        &[RIDE_TO_OWN, RIDE_TO_PAST, RIDE_TO_HOLDER, RIDE_TO_CHAUFFEUR, ASKED, RIDES_TO_ADMIN],
    ),
    ("POST /api/v1/rides/{ride_id}/accept", RIDE_MOVES),
    ("POST /api/v1/rides/{ride_id}/decline", RIDE_LEFT),
    ("POST /api/v1/rides/{ride_id}/arrive", RIDE_MOVES),
    ("POST /api/v1/rides/{ride_id}/start", RIDE_MOVES),
    ("POST /api/v1/rides/{ride_id}/complete", RIDE_LEFT),
    (
        "POST /api/v1/rides/{ride_id}/cancel",
        &[RIDE_TO_OWN, LEFT_BY_HOLDER, LEFT_BY_CHAUFFEUR, ASKED, RIDES_TO_ADMIN],
    ),
    ("POST /api/v1/rides/{ride_id}/rate", &[RIDE_TO_OWN, RIDE_TO_PAST]),
    ("GET /api/v1/bookings", BOOKING),
    ("POST /api/v1/bookings", NOBODYS),
    ("GET /api/v1/bookings/{id}", BOOKING),
    ("PUT /api/v1/bookings/{id}/technician", BOOKING_MOVED),
    ("PUT /api/v1/bookings/{id}/status", BOOKING_MOVED),
    ("POST /api/v1/bookings/{id}/cancel", BOOKING_ENDED),
    ("GET /api/v1/admin/bookings", BOOKING),
    ("GET /api/v1/admin/rides", &[RIDES_TO_ADMIN]),
    ("GET /api/v1/admin/drivers", EVERYTHING),
    ("POST /api/v1/admin/drivers", NOBODYS),
    ("GET /api/v1/admin/drivers/{id}", EVERYTHING),
    ("PATCH /api/v1/admin/drivers/{id}", EVERYTHING),
    ("GET /api/v1/admin/drivers/{id}/export", EVERYTHING),
    ("POST /api/v1/admin/drivers/{id}/erase", NOBODYS),
    ("GET /api/v1/admin/drivers/{id}/locations", EVERYTHING),
    ("GET /api/v1/admin/drivers/{id}/why", EVERYTHING),
    ("GET /api/v1/admin/jobs/{id}/trace", NOBODYS),
    ("GET /api/v1/admin/jobs/{id}/payment", NOBODYS),
    ("PATCH /api/v1/admin/jobs/{id}/payment", NOBODYS),
    ("POST /api/v1/payments/webhook", NOBODYS),
    ("GET /api/v1/admin/customers", EVERYTHING),
    ("POST /api/v1/admin/customers", NOBODYS),
    ("GET /api/v1/admin/customers/{id}", EVERYTHING),
    ("PATCH /api/v1/admin/customers/{id}", EVERYTHING),
    ("GET /api/v1/admin/customers/{id}/export", EVERYTHING),
    ("POST /api/v1/admin/customers/{id}/erase", NOBODYS),
    ("GET /api/v1/admin/audit", NOBODYS),
    ("GET /api/v1/admin/operators", NOBODYS),
    ("POST /api/v1/admin/operators", NOBODYS),
    ("GET /api/v1/admin/operators/{user_id}", NOBODYS),
    ("PATCH /api/v1/admin/operators/{user_id}", NOBODYS),
    ("GET /api/v1/admin/programs", NOBODYS),
    ("POST /api/v1/admin/programs", NOBODYS),
    ("GET /api/v1/admin/programs/{user_id}", NOBODYS),
    ("PATCH /api/v1/admin/programs/{user_id}", NOBODYS),
    ("POST /api/v1/admin/programs/{user_id}/tokens", NOBODYS),
    ("POST /api/v1/admin/accounts/{user_id}/unlock", NOBODYS),
    ("POST /api/v1/admin/accounts/{user_id}/password", NOBODYS),
    ("DELETE /api/v1/admin/accounts/{user_id}/totp", NOBODYS),
    ("GET /api/v1/admin/accounts/{user_id}/sessions", NOBODYS),
    ("DELETE /api/v1/admin/accounts/{user_id}/sessions", NOBODYS),
    ("DELETE /api/v1/admin/accounts/{user_id}/sessions/{session_id}", NOBODYS),
    ("POST /api/v1/admin/demo/restore", NOBODYS),
    ("GET /api/v1/admin/demo/traffic", NOBODYS),
    ("POST /api/v1/admin/demo/traffic", NOBODYS),
    ("DELETE /api/v1/admin/demo/traffic", NOBODYS),
    ("GET /api/v1/admin/orders", ORDERS),
    ("POST /api/v1/admin/orders", NOBODYS),
    ("POST /api/v1/admin/orders/batches", ORDERS),
    ("GET /api/v1/admin/orders/{id}", ORDERS),
    ("POST /api/v1/admin/orders/{id}/assign", ORDERS),
    ("POST /api/v1/admin/orders/{id}/auto-assign", ORDERS),
    ("POST /api/v1/admin/orders/{id}/unassign", ORDERS),
    ("POST /api/v1/admin/orders/{id}/cancel", ORDERS),
    ("POST /api/Push/register", NOBODYS),
    ("POST /api/Push/sendToCustomer", NOBODYS),
    ("POST /api/Push/test", NOBODYS),
    ("GET /api/Push/preferences", NOBODYS),
    ("PUT /api/Push/preferences", NOBODYS),
    ("GET /api/Push/history", PUSHED),
    ("POST /api/Push/opened", NOBODYS),
    ("GET /api/Push/stats", NOBODYS),
    ("GET /api/Push/devices", NOBODYS),
    ("GET /healthz", NOBODYS),
    ("GET /readyz", NOBODYS),
    ("GET /metrics", NOBODYS),
    ("GET /openapi.json", NOBODYS),
    ("GET /asyncapi.json", NOBODYS),
    ("GET /", NOBODYS),
    ("GET /console/config.json", NOBODYS),
    ("GET /console/{path:.*}", NOBODYS),
    ("GET /docs", NOBODYS),
    ("GET /docs/{path:.*}", NOBODYS),
];

/// Texts by which each thing of each person is known again.
pub const MARKS: &[(&str, &[&str])] = &[
    ("own.name", &["Ottilie Ownmark"]),
    ("own.phone", &["+15550100001"]),
    ("own.place", &["10.1117771", "11.1217771", "13.1417771", "14.1517771"]),
    ("own.address", &["Ownmark Street"]),
    ("other.name", &["Osbert Othermark"]),
    ("other.phone", &["+15550100002"]),
    ("past.name", &["Petra Pastmark"]),
    ("past.phone", &["+15550100003"]),
    ("past.place", &["10.1118881"]),
    ("past.address", &["Pastmark Street"]),
    ("guest.phone", &["+15550100004"]),
    ("guest.place", &["15.1619991"]),
    ("holder.name", &["Hector Holdmark"]),
    ("holder.phone", &["+15550100011"]),
    ("holder.plate", &["HOLD-MARK"]),
    ("holder.place", &["10.1111137"]),
    ("offered.name", &["Olga Offermark"]),
    ("offered.phone", &["+15550100012"]),
    ("offered.plate", &["OFFER-MARK"]),
    ("offered.place", &["11.1211137"]),
    ("stranger.name", &["Sven Strangemark"]),
    ("stranger.phone", &["+15550100013"]),
    ("stranger.plate", &["STRANGE-MARK"]),
    ("stranger.place", &["12.1311137"]),
    ("courier.name", &["Cora Couriermark"]),
    ("courier.phone", &["+15550100014"]),
    ("courier.plate", &["COURIER-MARK"]),
    ("courier.place", &["13.1411137"]),
    ("technician.name", &["Theo Techmark"]),
    ("technician.phone", &["+15550100015"]),
    ("technician.plate", &["TECH-MARK"]),
    ("technician.place", &["14.1511137"]),
    ("chauffeur.name", &["Carl Chauffmark"]),
    ("chauffeur.phone", &["+15550100016"]),
    ("chauffeur.plate", &["CHAUFF-MARK"]),
    ("chauffeur.place", &["15.1611137"]),
];

pub fn text_of(mark: &str) -> &'static str {
    let found = MARKS.iter().find(|(name, _)| *name == mark);
    found.unwrap_or_else(|| panic!("no mark {mark}")).1[0]
}

impl Role {
    /// The person whose marks are the role's own.
    pub fn person(self) -> &'static str {
        match self {
            Role::Anonymous => "guest",
            Role::Other => "other",
            Role::Past => "past",
            Role::Own => "own",
            Role::Stranger => "stranger",
            Role::Offered => "offered",
            Role::Holder => "holder",
            Role::Chauffeur => "chauffeur",
            Role::Courier => "courier",
            Role::Technician => "technician",
            Role::Service => "service",
            Role::Admin => "admin",
            Role::Dispatcher => "dispatcher",
            Role::Viewer => "viewer",
        }
    }
}

impl Role {
    /// The role whose row also counts for this role; none on a route that it may not call.
    fn same_as(self, route: &str) -> Option<Role> {
        let operator = match self {
            Role::Dispatcher => fleetwire::domain::role::Role::Dispatcher,
            Role::Viewer => fleetwire::domain::role::Role::Viewer,
            other => return Some(other),
        };
        let row = ROUTES_OF_SERVER.iter().find(|row| row.to_string() == route).expect("a route");
        row.who.has(operator).then_some(Role::Admin)
    }
}

/// The marks in a text that the role may not see by this route.
pub fn leaks(route: &str, role: Role, text: &str) -> Vec<String> {
    let (_, allowed) = ROUTES.iter().find(|(row, _)| *row == route).expect("a row");
    let own = format!("{}.*", role.person());
    let mut may_see: Vec<&str> = vec![&own];
    let as_whom = role.same_as(route);
    may_see.extend(allowed.iter().filter(|(to, _)| Some(*to) == as_whom).flat_map(|(_, marks)| marks.iter()));
    let is_hidden = |mark: &str| role == Role::Viewer && mark.ends_with(".phone");
    let is_allowed = |mark: &str| {
        !is_hidden(mark)
            && may_see.iter().any(|pattern| match pattern.split_once('*') {
                Some((start, end)) => mark.starts_with(start) && mark.ends_with(end),
                None => mark == *pattern,
            })
    };
    let found = MARKS.iter().filter(|(_, texts)| texts.iter().any(|one| text.contains(one)));
    found.map(|(mark, _)| (*mark).to_owned()).filter(|mark| !is_allowed(mark)).collect()
}
