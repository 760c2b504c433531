//! `fleetwire doctor`: a good installation is called one, next to its server; and each thing that is wrong is named, in a line of
//! its own, with what to do.

use std::fs::Permissions;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::process::{self, Settings};
use crate::support::push_double::{Act, PushDouble, Reply};
use crate::support::server::new_directory;

/// Nobody typed it.
const SECRET: &str = "q9Zt4vLw0pXc7RbJ2mKf8sYh5nGd1eUa";

const PAGE_BYTES: usize = 4096;

/// The first page of a table, which nobody reads to learn which tables there are.
fn root_page(file: &Path, table: &str) -> u64 {
    #[derive(diesel::QueryableByName)]
    struct Page {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rootpage: i64,
    }
    let mut conn = SqliteConnection::establish(file.to_str().expect("a path in UTF-8")).expect("it opens");
    conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("all is in the file");
    let page = diesel::sql_query("SELECT rootpage FROM sqlite_schema WHERE name = ?")
        .bind::<diesel::sql_types::Text, _>(table)
        .get_result::<Page>(&mut conn);
    u64::try_from(page.expect("the table is there").rootpage).expect("pages count from 1")
}

/// Lines as a person reads them, and whether all is well.
struct Said {
    is_well: bool,
    lines: Vec<String>,
}

impl Said {
    /// A line of this level and check that contains a text.
    #[track_caller]
    fn has(&self, level: &str, check: &str, text: &str) {
        let is_it = |line: &&String| {
            let mut words = line.split_whitespace();
            (words.next(), words.next()) == (Some(level), Some(check)) && line.contains(text)
        };
        let found = self.lines.iter().find(is_it);
        let found =
            found.unwrap_or_else(|| panic!("no {level} {check} with {text:?} in\n{}", self.lines.join("\n")));
        assert!(level == "ok" || found.contains(" -> "), "it does not say what to do: {found}");
    }
}

async fn examined(directory: &Path, changes: &[(&str, &str)], more: &[&str]) -> Said {
    let mut settings: Settings = [("BIND", "127.0.0.1:0"), ("JWT_SECRET", SECRET)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    settings.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let arguments: Vec<&str> = std::iter::once("doctor").chain(more.iter().copied()).collect();
    let output = process::run(directory, &settings, &arguments).await;
    let text = String::from_utf8(output.stdout).expect("it prints UTF-8");
    let lines = text.lines().map(str::to_owned).collect();
    Said { is_well: output.status.code() == Some(0), lines }
}

fn written(directory: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("the test's directory is writable");
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
    path
}

/// A certificate that ended years ago, and its key.
fn expired() -> (String, String) {
    let mut params = CertificateParams::new(vec!["fleet.example.org".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.self_signed(&key).expect("a certificate can be made");
    (certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_good_installation_is_called_one_next_to_its_server() {
    let server = Server::builder().setting("JWT_SECRET", SECRET).start().await;
    let output = server.try_command(&["doctor", "--offline", "--json"]).await;
    let report: Value = serde_json::from_slice(&output.stdout).expect("--json prints JSON");
    let findings = report["findings"].as_array().expect("a list").clone();
    let of = |check: &str| {
        let found = findings.iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("no {check} in {report}")).clone()
    };
    assert_eq!(of("schema")["level"], "ok");
    assert!(of("address")["says"].as_str().is_some_and(|says| says.contains("is ready")), "{report}");
    assert_eq!(of("profile")["level"], "warning", "it is development's");
    // The tests' PostgreSQL may well be one that does not sync.
    if !Server::is_on_postgres() {
        for check in ["wal", "integrity", "fsync", "disk"] {
            assert_ne!(of(check)["level"], "fault", "{report}");
        }
        assert_eq!((&report["ok"], output.status.code()), (&json!(true), Some(0)), "{report}");
    }
    let left = std::fs::read_dir(server.directory()).expect("a directory").flatten();
    let left: Vec<String> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| !name.contains("doctor")), "{left:?}");
}

#[tokio::test]
async fn each_problem_of_the_settings_is_a_line() {
    let directory = new_directory();
    let said =
        examined(&directory, &[("BIND", "here"), ("TIME_ZONE", "Mars"), ("JWT_SECRET", "short")], &[]).await;
    assert!(!said.is_well);
    for name in ["BIND", "TIME_ZONE", "JWT_SECRET"] {
        said.has("fault", "settings", name);
    }
    assert!(!said.lines.concat().contains("short"), "a secret is shown");
    assert!(!directory.join("fleetwire.db").exists());
}

#[tokio::test]
async fn settings_that_are_dangerous_in_production_are_named() {
    let directory = new_directory();
    let settings = [
        ("FLEETWIRE_PROFILE", "production"),
        ("JWT_SECRET", "change-me-change-me-change-me-change-me"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("ALLOW_ANONYMOUS_RIDES", "true"),
        ("ALLOW_ANONYMOUS_PUSH", "true"),
        ("METRICS_PUBLIC", "true"),
    ];
    let said = examined(&directory, &settings, &["--offline"]).await;
    assert!(!said.is_well);
    said.has("fault", "secrets", "JWT_SECRET");
    said.has("fault", "proxy", "trusts everybody");
    said.has("fault", "anonymous-push", "without a token");
    said.has("warning", "anonymous-rides", "without a token");
    said.has("warning", "metrics", "public");
    said.has("warning", "hosts", "ALLOWED_HOSTS");
    said.has("ok", "database", "not there yet");
    assert!(!directory.join("fleetwire.db").exists(), "looking makes no database");
}

#[tokio::test]
async fn corrupt_keys_and_an_expired_certificate_are_named() {
    let directory = new_directory();
    let (certificate, key) = expired();
    let path = |name: &str, text: &str, mode| written(&directory, name, text, mode).display().to_string();
    let account = path("account.json", r#"{"project_id": "p", "client_email": "e"}"#, 0o600);
    let apple = path("key.p8", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o640);
    let (certificate, key) = (path("cert.pem", &certificate, 0o644), path("key.pem", &key, 0o644));
    let settings = [
        ("GOOGLE_APPLICATION_CREDENTIALS", account.as_str()),
        ("APNS_KEY_ID", "ABC123DEFG"),
        ("APNS_TEAM_ID", "DEF123GHIJ"),
        ("APNS_TOPIC", "org.example.fleet"),
        ("APNS_PRIVATE_KEY_FILE", apple.as_str()),
        ("TLS_CERT_FILE", certificate.as_str()),
        ("TLS_KEY_FILE", key.as_str()),
    ];
    let said = examined(&directory, &settings, &["--offline"]).await;
    assert!(!said.is_well);
    said.has("fault", "push-keys", "GOOGLE_APPLICATION_CREDENTIALS");
    said.has("fault", "push-keys", "APNS_PRIVATE_KEY_FILE");
    said.has("fault", "tls-expiry", "ended on 2021-01-01");
    said.has("ok", "tls-names", "fleet.example.org");
    said.has("fault", "secret-files", "TLS_KEY_FILE");
    said.has("warning", "secret-files", "APNS_PRIVATE_KEY_FILE");

    let other = path("other.pem", &KeyPair::generate().expect("a key can be made").serialize_pem(), 0o600);
    let settings = [("TLS_CERT_FILE", certificate.as_str()), ("TLS_KEY_FILE", other.as_str())];
    let said = examined(&directory, &settings, &["--offline"]).await;
    said.has("fault", "tls", "TLS_CERT_FILE");
}

#[tokio::test]
async fn a_damaged_database_and_missing_backups_are_named() {
    let directory = new_directory();
    let settings = Settings::from([("JWT_SECRET".to_owned(), SECRET.to_owned())]);
    let migrated = process::run(&directory, &settings, &["migrate"]).await;
    assert!(migrated.status.success());
    let sound = examined(&directory, &[], &["--offline", "--backups", "."]).await;
    sound.has("ok", "integrity", "sound");
    sound.has("ok", "backup", "0 h old");
    sound.has("warning", "operator", "no operator");

    let file =
        std::fs::File::options().write(true).open(directory.join("fleetwire.db")).expect("it is there");
    file.set_permissions(Permissions::from_mode(0o644)).expect("it is ours");
    let page = root_page(&directory.join("fleetwire.db"), "driver_locations");
    file.write_all_at(&[0x99; PAGE_BYTES], (page - 1) * PAGE_BYTES as u64).expect("it can be written");
    std::fs::create_dir(directory.join("backups")).expect("the test's directory is writable");
    let said = examined(&directory, &[], &["--offline", "--backups", "backups"]).await;
    assert!(!said.is_well);
    said.has("fault", "integrity", "fleetwire.db");
    said.has("fault", "database-files", "open to everybody");
    said.has("fault", "backup", "has no backup");
}

#[tokio::test]
async fn an_address_that_somebody_else_has_is_named() {
    let directory = new_directory();
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = other.local_addr().expect("it is bound").to_string();
    let said = examined(&directory, &[("BIND", &address)], &["--offline"]).await;
    assert!(!said.is_well);
    said.has("fault", "address", &address);
}

#[tokio::test]
async fn services_are_asked_whether_they_take_the_credentials() {
    let double = PushDouble::start().await;
    let directory = new_directory();
    let settings = double.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let said = examined(&directory, &settings, &[]).await;
    for service in ["FCM", "APNs", "Expo"] {
        said.has("ok", "push-service", service);
    }
    let refusal =
        Reply::json(400, &json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}));
    double.google.fail_tokens(Some(Act::Answer(refusal)));
    let said = examined(&directory, &settings, &[]).await;
    assert!(!said.is_well);
    said.has("fault", "push-service", "FCM refuses the credentials");
    let nowhere = [settings, vec![("FCM_BASE_URL", "http://127.0.0.1:1")]].concat();
    let said = examined(&directory, &nowhere, &[]).await;
    said.has("warning", "clock", "can't be reached");
}
