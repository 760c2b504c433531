//! The settings of the push services: our credentials, their addresses, and how much we send at a time. A service
//! without credentials is not used; half of its credentials is a problem.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::EncodingKey;
use reqwest::Url;

use super::reader::{Reader, count_usize, millis, path, text};

/// The settings needed to send push notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSettings {
    pub fcm: Option<FcmSettings>,
    pub apns: Option<ApnsSettings>,
    pub expo: Option<ExpoSettings>,
    /// PEM, trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Of one request.
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FcmSettings {
    pub credentials: FcmCredentials,
    pub base_url: BaseUrl,
    /// Where it was set; else the credentials' own, or Google's.
    pub token_url: Option<BaseUrl>,
    pub connections: NonZeroUsize,
    /// Not sooner is tried again what Google's servers failed at.
    pub retry_floor: Duration,
}

/// A Google service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FcmCredentials {
    Given {
        project_id: String,
        client_email: String,
        private_key: SecretText,
    },
    /// The JSON file that Google issues; the project may be set separately.
    File {
        path: PathBuf,
        project_id: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApnsSettings {
    pub key_id: String,
    pub team_id: String,
    pub private_key: PrivateKey,
    /// The app's bundle id.
    pub topic: String,
    pub base_url: BaseUrl,
    pub connections: NonZeroUsize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateKey {
    Given(SecretText),
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpoSettings {
    pub access_token: SecretText,
    pub base_url: BaseUrl,
    pub requests_max: NonZeroUsize,
}

/// A key or a token. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        SecretText(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// Where a service is: `https://HOST` or `http://HOST`, with a path or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(|url| {
            let is_plain = url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "http" | "https")
                && is_plain
                && url.query().is_none()
                && url.fragment().is_none()
        });
        match url {
            Some(_) => Ok(BaseUrl(text.to_owned())),
            None => {
                Err("a URL such as https://push.example, with no user, query or fragment in it".to_owned())
            }
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This URL with a path after its own.
    pub fn with_path(&self, path: &str) -> String {
        format!("{}{path}", self.0.trim_end_matches('/'))
    }

    /// Whether what is said there can be read by others on the way.
    pub fn is_readable_on_the_way(&self) -> bool {
        let host =
            Url::parse(&self.0).ok().and_then(|url| Some(url.host_str()?.to_owned())).unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        !self.is_tls()
            && host != "localhost"
            && !address.is_ok_and(|address| address.to_canonical().is_loopback())
    }

    pub fn is_tls(&self) -> bool {
        self.0.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }
}

pub(super) fn push(reader: &mut Reader<'_>) -> PushSettings {
    PushSettings {
        fcm: fcm(reader),
        apns: apns(reader),
        expo: expo(reader),
        ca_file: reader.optional("PUSH_CA_FILE", path),
        timeout: reader.value("PUSH_TIMEOUT_MS", millis(100..=60_000)),
    }
}

fn fcm(reader: &mut Reader<'_>) -> Option<FcmSettings> {
    let base_url = reader.value("FCM_BASE_URL", BaseUrl::parse);
    let token_url = reader.value("GOOGLE_TOKEN_URL", BaseUrl::parse);
    let token_url = reader.given("GOOGLE_TOKEN_URL").map(|_| token_url);
    let connections = reader.value("FCM_CONNECTIONS", count_usize(16));
    let retry_floor = reader.value("FCM_RETRY_FLOOR_MS", millis(0..=600_000));
    let credentials = fcm_credentials(reader)?;
    Some(FcmSettings { credentials, base_url, token_url, connections, retry_floor })
}

fn fcm_credentials(reader: &mut Reader<'_>) -> Option<FcmCredentials> {
    const NAMES: [&str; 3] = ["FIREBASE_PROJECT_ID", "FIREBASE_CLIENT_EMAIL", "FIREBASE_PRIVATE_KEY"];
    let project_id = reader.optional(NAMES[0], text);
    let client_email = reader.optional(NAMES[1], text);
    let has_key = reader.given(NAMES[2]).is_some();
    let private_key = reader.optional(NAMES[2], rsa_key);
    let file = reader.optional("GOOGLE_APPLICATION_CREDENTIALS", path);
    if let (Some(path), None, false) = (file, &client_email, has_key) {
        return Some(FcmCredentials::File { path, project_id });
    }
    demand_all(
        reader,
        &[(NAMES[0], project_id.is_some()), (NAMES[1], client_email.is_some()), (NAMES[2], has_key)],
    );
    Some(FcmCredentials::Given {
        project_id: project_id?,
        client_email: client_email?,
        private_key: private_key?,
    })
}

fn apns(reader: &mut Reader<'_>) -> Option<ApnsSettings> {
    let base_url = reader.value("APNS_BASE_URL", BaseUrl::parse);
    let connections = reader.value("APNS_CONNECTIONS", count_usize(16));
    let key_id = reader.optional("APNS_KEY_ID", text);
    let team_id = reader.optional("APNS_TEAM_ID", text);
    let topic = reader.optional("APNS_TOPIC", text);
    let has_key = reader.given("APNS_PRIVATE_KEY").is_some();
    let given = reader.optional("APNS_PRIVATE_KEY", ec_key);
    let file = reader.optional("APNS_PRIVATE_KEY_FILE", path);
    if has_key && file.is_some() {
        let expected = "not beside APNS_PRIVATE_KEY: which of the two is it?";
        reader.problem("APNS_PRIVATE_KEY_FILE", None, expected);
    }
    demand_all(
        reader,
        &[
            ("APNS_KEY_ID", key_id.is_some()),
            ("APNS_TEAM_ID", team_id.is_some()),
            ("APNS_PRIVATE_KEY", has_key || file.is_some()),
            ("APNS_TOPIC", topic.is_some()),
        ],
    );
    let private_key = given.map(PrivateKey::Given).or(file.map(PrivateKey::File))?;
    Some(ApnsSettings {
        key_id: key_id?,
        team_id: team_id?,
        private_key,
        topic: topic?,
        base_url,
        connections,
    })
}

fn expo(reader: &mut Reader<'_>) -> Option<ExpoSettings> {
    let base_url = reader.value("EXPO_BASE_URL", BaseUrl::parse);
    let requests_max = reader.value("EXPO_REQUESTS_MAX", count_usize(100));
    let access_token = reader.optional("EXPO_ACCESS_TOKEN", header_text)?;
    Some(ExpoSettings { access_token, base_url, requests_max })
}

/// Credentials that work only together: says which are missing where one is there.
fn demand_all(reader: &mut Reader<'_>, parts: &[(&'static str, bool)]) {
    let Some((given, _)) = parts.iter().find(|(_, is_given)| *is_given) else { return };
    for (name, _) in parts.iter().filter(|(_, is_given)| !is_given) {
        reader.problem(name, None, format!("not set, but {given} is: they are needed together"));
    }
}

/// A key in PEM form; its line breaks may be written as `\n`, as they are where a variable has to be one line.
fn pem(text: &str) -> String {
    text.replace("\\r", "").replace("\\n", "\n").trim().to_owned()
}

fn rsa_key(text: &str) -> Result<SecretText, String> {
    let pem = pem(text);
    let expected =
        "an RSA private key in PEM form (BEGIN PRIVATE KEY), its line breaks as they are or as \\n";
    EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| expected.to_owned())?;
    Ok(SecretText(pem))
}

fn ec_key(text: &str) -> Result<SecretText, String> {
    let pem = pem(text);
    let expected =
        "a P-256 private key in PEM form, as Apple's .p8 file has it, its line breaks as they are or as \\n";
    EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|_| expected.to_owned())?;
    Ok(SecretText(pem))
}

/// A text that is valid in a header.
fn header_text(text: &str) -> Result<SecretText, String> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(SecretText(text.to_owned()))
    } else {
        Err("an access token: printable ASCII without spaces".to_owned())
    }
}

#[cfg(test)]
#[path = "push_tests.rs"]
mod tests;
