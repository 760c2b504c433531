//! The types of single settings: their values are valid, and secrets in them are never shown.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::domain::words::words;
use ipnet::IpNet;

words! {
    /// How much convenience the server offers at start.
    Profile {
        /// Starts with no settings, with demo data and a secret of its own making.
        Development = "development",
        /// Refuses to start with anything made up.
        Production = "production",
    }
}

/// Which database. Neither `Debug` nor `Display` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The file, relative to the working directory or absolute.
    Sqlite(PathBuf),
    /// The URL as libpq takes it.
    Postgres(String),
}

/// Whether libpq will find the host where we do. It quotes unreadable parts in its message, and they may contain a
/// password.
fn is_encoded(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let before_query = rest.split('?').next().unwrap_or(rest);
    let escapes = rest.split('%').skip(1);
    let are_hex =
        |escape: &str| escape.len() >= 2 && escape.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    let authority = before_query.split('/').next().unwrap_or(before_query);
    let is_one_place = before_query.matches('@').count() == authority.matches('@').count();
    is_one_place
        && authority.matches('@').count() <= 1
        && !before_query.contains('#')
        && escapes.into_iter().all(are_hex)
}

impl DatabaseUrl {
    pub(super) const EXPECTED: &'static str =
        "sqlite://PATH (such as sqlite://fleetwire.db) or postgres://USER:PASSWORD@HOST/DATABASE";

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            return Self::parse_sqlite(path);
        }
        let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if !is_postgres || text.contains(char::is_whitespace) || text.contains('\0') {
            return Err(Self::EXPECTED.to_owned());
        }
        if !is_encoded(text) {
            return Err(
                "a user name and password in which @ / ? # % : are percent-encoded, %40 for @".to_owned()
            );
        }
        Ok(DatabaseUrl::Postgres(text.to_owned()))
    }

    fn parse_sqlite(path: &str) -> Result<Self, String> {
        if path.contains(":memory:") {
            return Err("a file: each connection would have a database in memory of its own".to_owned());
        }
        if path.is_empty() || path.ends_with('/') || path.contains(['?', '\0']) {
            return Err("sqlite://PATH with the path of a file and no parameters".to_owned());
        }
        Ok(DatabaseUrl::Sqlite(PathBuf::from(path)))
    }

    /// The value of `sslmode` where the URL has one that TLS is indispensable for.
    pub(super) fn demanded_tls(&self) -> Option<&str> {
        let DatabaseUrl::Postgres(url) = self else { return None };
        let (_, query) = url.split_once('?')?;
        let sslmode = query.split('&').filter_map(|pair| pair.strip_prefix("sslmode=")).next_back()?;
        matches!(sslmode, "require" | "verify-ca" | "verify-full").then_some(sslmode)
    }

    /// Where development keeps the secret it made: next to the database.
    pub fn secret_path(&self) -> PathBuf {
        match self {
            DatabaseUrl::Sqlite(path) => {
                let mut path = path.clone().into_os_string();
                path.push(".jwt-secret");
                PathBuf::from(path)
            }
            DatabaseUrl::Postgres(_) => PathBuf::from("fleetwire.jwt-secret"),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            DatabaseUrl::Postgres(url) => f.write_str(&without_password(url).unwrap_or_default()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// A URL for people to read; `None` if it is none, since then the place of a password in it is unknown.
///
/// A password may itself contain `@` and `/`, if somebody forgot to encode it: everything up to the last `@` is hidden.
pub(super) fn without_password(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (address, query) = match rest.rsplit_once('@') {
        Some((user, rest)) => {
            let user = user.split([':', '/', '?']).next().unwrap_or_default();
            let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
            (format!("{user}:***@{address}"), query)
        }
        None => {
            let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
            (address.to_owned(), query)
        }
    };
    // Parameters may be passwords, too (`password`, `sslpassword`): show those that can't be.
    let shown = query.split('&').filter(|pair| pair.starts_with("sslmode=") || pair.starts_with("host="));
    let shown = shown.collect::<Vec<_>>().join("&");
    let mark = if shown.is_empty() { "" } else { "?" };
    Some(format!("{scheme}://{address}{mark}{shown}"))
}

/// When the database says that something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// After the disk has it: survives a power cut. SQLite `synchronous=FULL`, PostgreSQL `synchronous_commit=on`.
    Full,
    /// Before: a power cut may lose the last moments, a crash of the process nothing. `NORMAL` and `off`.
    Normal,
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object for each line.
    Json,
}

impl LogFormat {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("text or json".to_owned()),
        }
    }
}

/// The networks whose word about where a request comes from is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let networks = text.split(',').map(|entry| {
            let entry = entry.trim();
            entry.parse().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from))
        });
        networks.collect::<Result<_, _>>().map(TrustedProxies).map_err(|_| {
            "comma-separated networks or addresses, such as 10.0.0.0/8,192.0.2.7,fd00::/8".to_owned()
        })
    }

    /// An IPv4 address counts as one also where a socket for both kinds reports it as IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The one header in which trusted proxies say whose request it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAddressHeader {
    /// A list to which each proxy appends the address from which it got the request.
    XForwardedFor,
    /// The same as RFC 7239 has it.
    Forwarded,
    /// One address, which the proxy sets in place of what the client sent. The name in lower case.
    Single(String),
}

impl ClientAddressHeader {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        match text.to_ascii_lowercase() {
            _ if !is_name => Err(
                "the name of one header, such as X-Forwarded-For, Forwarded, X-Real-IP or CF-Connecting-IP"
                    .to_owned(),
            ),
            name if name == "x-forwarded-for" => Ok(ClientAddressHeader::XForwardedFor),
            name if name == "forwarded" => Ok(ClientAddressHeader::Forwarded),
            name => Ok(ClientAddressHeader::Single(name)),
        }
    }
}

/// The origins whose pages may call the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<OriginPattern>);

/// Scheme and host, and a port, none, or (`*`) any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OriginPattern {
    scheme: String,
    host: String,
    port: PortPattern,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PortPattern {
    Any,
    /// None is the scheme's own port, which browsers leave out.
    Exactly(Option<u16>),
}

impl AllowedOrigins {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let origins = text.split(',').map(|entry| OriginPattern::parse(entry.trim()));
        origins.collect::<Option<_>>().map(AllowedOrigins).ok_or_else(|| {
            "comma-separated origins in full, such as https://app.example.com,http://localhost:3000 \
             (the port may be *; no path, no other wildcard)"
                .to_owned()
        })
    }

    /// Whether a request with this header `Origin` comes from an allowed page.
    pub fn allows(&self, origin: &str) -> bool {
        let Some(asked) = OriginPattern::parse(origin) else { return false };
        // `*` is for the list: no page has that port.
        let PortPattern::Exactly(_) = asked.port else { return false };
        self.0.iter().any(|allowed| {
            let same_port = allowed.port == PortPattern::Any || allowed.port == asked.port;
            same_port && allowed.scheme == asked.scheme && allowed.host == asked.host
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl OriginPattern {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        // The colons of an IPv6 address are in brackets.
        let host_end = rest.rfind(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match rest[host_end..].find(':') {
            Some(colon) => (&rest[..host_end + colon], Some(&rest[host_end + colon + 1..])),
            None => (rest, None),
        };
        let is_word = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !is_word(scheme, "+-.") || !is_word(host, "-._[]:") {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let port = match port {
            Some("*") => PortPattern::Any,
            None => PortPattern::Exactly(None),
            Some(port) => match (scheme.as_str(), port.parse().ok()?) {
                ("http", 80) | ("https", 443) => PortPattern::Exactly(None),
                (_, port) => PortPattern::Exactly(Some(port)),
            },
        };
        Some(OriginPattern { scheme, host: host.to_ascii_lowercase(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_chosen_by_its_scheme() {
        let sqlite = |path: &str| Ok(DatabaseUrl::Sqlite(PathBuf::from(path)));
        assert_eq!(DatabaseUrl::parse("sqlite://fleetwire.db"), sqlite("fleetwire.db"));
        assert_eq!(DatabaseUrl::parse("sqlite:///var/lib/f.db"), sqlite("/var/lib/f.db"));
        for url in ["postgres://u:p@h/d", "postgresql:///d?host=/run"] {
            assert_eq!(DatabaseUrl::parse(url), Ok(DatabaseUrl::Postgres(url.to_owned())));
        }
        for text in ["fleetwire.db", "mysql://h/d", "sqlite://", "sqlite://dir/", "sqlite://a.db?mode=rwc"] {
            assert!(DatabaseUrl::parse(text).is_err(), "{text}");
        }
        assert!(DatabaseUrl::parse("sqlite://:memory:").unwrap_err().contains("of its own"));
    }

    #[test]
    fn no_password_of_a_database_is_shown() {
        for url in [
            "postgres://fleet:hunter2@db.example/fleet",
            "postgres://fleet:hunter2%40@db.example/fleet",
            "postgres://fleet@db.example/fleet?password=hunter2&sslmode=disable",
            "postgres://db.example/fleet?user=fleet&password=hunter2",
        ] {
            let url = DatabaseUrl::parse(url).unwrap();
            let shown = format!("{url} {url:?}");
            assert!(!shown.contains("ter2"), "{shown}");
            assert!(shown.contains("db.example/fleet"), "{shown}");
        }
    }

    /// libpq can't read these, and quotes the piece that it stumbled over in its message.
    #[test]
    fn a_password_that_is_not_encoded_is_refused_without_being_shown() {
        for url in [
            "postgres://fleet:hun/ter2@db.example/fleet",
            "postgres://fleet:hu@hunter2@db.example/fleet",
            "postgres://fleet:hunter2%zz@db.example/fleet",
            "postgres://fleet:hunter2#@db.example/fleet",
        ] {
            let refused = DatabaseUrl::parse(url).unwrap_err();
            assert!(refused.contains("percent-encoded") && !refused.contains("ter2"), "{refused}");
        }
    }

    #[test]
    fn only_modes_that_need_tls_demand_it() {
        let demanded = |query: &str| {
            let url = DatabaseUrl::parse(&format!("postgres://h/d{query}")).unwrap();
            url.demanded_tls().map(str::to_owned)
        };
        for mode in ["require", "verify-ca", "verify-full"] {
            assert_eq!(demanded(&format!("?application_name=x&sslmode={mode}")).as_deref(), Some(mode));
        }
        for query in ["", "?sslmode=disable", "?sslmode=prefer", "?nosslmode=require"] {
            assert_eq!(demanded(query), None, "{query}");
        }
    }

    #[test]
    fn the_secret_is_kept_beside_the_database() {
        let path = |url: &str| DatabaseUrl::parse(url).unwrap().secret_path();
        assert_eq!(path("sqlite://data/fleet.db"), PathBuf::from("data/fleet.db.jwt-secret"));
        assert_eq!(path("postgres://h/d"), PathBuf::from("fleetwire.jwt-secret"));
    }

    #[test]
    fn a_proxy_is_trusted_by_network_or_address() {
        let proxies = TrustedProxies::parse("10.0.0.0/8, 192.0.2.7,fd00::/8").unwrap();
        let trusted = |text: &str| proxies.contains(text.parse().unwrap());
        assert!(
            trusted("10.1.2.3") && trusted("::ffff:10.1.2.3") && trusted("192.0.2.7") && trusted("fd00::1")
        );
        assert!(!trusted("11.1.2.3") && !trusted("192.0.2.8") && !trusted("2001:db8::1"));
        for text in ["10.0.0.0/33", "localhost", "10.0.0.0/8,,", "*"] {
            assert!(TrustedProxies::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_header_of_the_clients_address_is_named_in_any_case() {
        let parse = ClientAddressHeader::parse;
        assert_eq!(parse("x-forwarded-FOR"), Ok(ClientAddressHeader::XForwardedFor));
        assert_eq!(parse("Forwarded"), Ok(ClientAddressHeader::Forwarded));
        assert_eq!(parse("CF-Connecting-IP"), Ok(ClientAddressHeader::Single("cf-connecting-ip".to_owned())));
        for text in ["X-Forwarded-For,Forwarded", "X Real IP", "X-Real-IP:", "-1", "*"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_is_allowed_by_scheme_host_and_port() {
        let origins =
            AllowedOrigins::parse("https://App.example.com, http://localhost:*,http://[::1]:3000").unwrap();
        for allowed in [
            "https://app.example.com",
            "https://app.example.com:443",
            "http://localhost",
            "http://localhost:5173",
            "http://[::1]:3000",
        ] {
            assert!(origins.allows(allowed), "{allowed}");
        }
        for refused in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.example",
            "https://evil.example/https://app.example.com",
            "http://localhost.evil.example",
            "http://localhost:*",
            "http://[::1]:3001",
            "null",
            "",
        ] {
            assert!(!origins.allows(refused), "{refused}");
        }
        for text in ["*", "app.example.com", "https://*.example.com", "https://a.example/path", "https://a:b"]
        {
            assert!(AllowedOrigins::parse(text).is_err(), "{text}");
        }
    }
}
