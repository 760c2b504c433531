//! Which settings of push services are accepted, and the messages for those that are not.

use super::super::{Settings, SettingsProblems};
use super::*;

const RSA: &str = include_str!("../operations/testdata/rs256-private.pem");
const EC: &str = include_str!("../operations/testdata/es256-private.pem");
const APNS: [(&str, &str); 4] = [
    ("APNS_KEY_ID", "ABC123DEFG"),
    ("APNS_TEAM_ID", "DEF123GHIJ"),
    ("APNS_PRIVATE_KEY", EC),
    ("APNS_TOPIC", "example.app"),
];
const FIREBASE: [(&str, &str); 3] = [
    ("FIREBASE_PROJECT_ID", "fleet"),
    ("FIREBASE_CLIENT_EMAIL", "push@fleet.example"),
    ("FIREBASE_PRIVATE_KEY", RSA),
];

fn load(given: &[(&str, &str)]) -> Result<PushSettings, SettingsProblems> {
    let value = |name: &str| given.iter().find(|(given, _)| *given == name);
    Settings::load(|name| value(name).map(|(_, value)| (*value).to_owned())).map(|settings| settings.push)
}

fn problems(given: &[(&str, &str)]) -> Vec<String> {
    load(given).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn without_credentials_there_is_no_service() {
    let push = load(&[("FCM_BASE_URL", "http://127.0.0.1:1")]).unwrap();
    assert_eq!((push.fcm, push.apns, push.expo), (None, None, None));
    assert_eq!(push.timeout, Duration::from_secs(10));
}

#[test]
fn a_key_may_have_its_line_breaks_as_they_are_or_written_out() {
    let one_line = RSA.replace('\n', "\\n");
    for key in [RSA, &one_line] {
        let push = load(&[FIREBASE[0], FIREBASE[1], ("FIREBASE_PRIVATE_KEY", key)]).unwrap();
        let FcmCredentials::Given { private_key, project_id, .. } = push.fcm.unwrap().credentials else {
            panic!("a key that was given is not a file")
        };
        assert_eq!((private_key.as_str(), project_id.as_str()), (RSA.trim(), "fleet"));
    }
}

#[test]
fn a_file_of_credentials_is_used_unless_the_key_itself_is_given() {
    let file = ("GOOGLE_APPLICATION_CREDENTIALS", "account.json");
    let credentials = |given: &[(&str, &str)]| load(given).unwrap().fcm.unwrap().credentials;
    let expected = FcmCredentials::File { path: "account.json".into(), project_id: Some("fleet".to_owned()) };
    assert_eq!(credentials(&[file, FIREBASE[0]]), expected);
    let [project, email, key] = FIREBASE;
    assert!(matches!(credentials(&[file, project, email, key]), FcmCredentials::Given { .. }));
}

#[test]
fn half_of_the_credentials_is_refused_by_the_names_of_the_other_half() {
    let missing = problems(&[FIREBASE[0], APNS[1], APNS[3]]);
    let names: Vec<&str> = missing.iter().filter_map(|problem| problem.split(':').next()).collect();
    assert_eq!(names, ["FIREBASE_CLIENT_EMAIL", "FIREBASE_PRIVATE_KEY", "APNS_KEY_ID", "APNS_PRIVATE_KEY"]);
    assert!(missing[0].contains("FIREBASE_PROJECT_ID is"), "{missing:?}");
    let [key_id, team, key, topic] = APNS;
    let twice = problems(&[key_id, team, key, topic, ("APNS_PRIVATE_KEY_FILE", "key.p8")]);
    assert!(twice.len() == 1 && twice[0].contains("which of the two"), "{twice:?}");
}

#[test]
fn a_key_of_the_wrong_kind_is_refused_without_being_shown() {
    let wrong = [
        FIREBASE[0],
        FIREBASE[1],
        ("FIREBASE_PRIVATE_KEY", EC),
        APNS[0],
        APNS[1],
        ("APNS_PRIVATE_KEY", RSA),
        APNS[3],
    ];
    let problems = problems(&wrong);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("RSA private key") && problems[1].contains("P-256"), "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("not shown") && !problem.contains("MII")));
}

#[test]
fn no_secret_shows_in_what_is_printed_of_the_settings() {
    let all: Vec<_> = FIREBASE.into_iter().chain(APNS).chain([("EXPO_ACCESS_TOKEN", "hunter2")]).collect();
    let push = load(&all).unwrap();
    let shown = format!("{push:?}");
    assert!(push.fcm.is_some() && push.apns.is_some() && push.expo.is_some());
    assert!(!shown.contains("hunter2") && !shown.contains("PRIVATE KEY"), "{shown}");
}

#[test]
fn an_address_is_plain_http_or_https() {
    for good in ["https://fcm.googleapis.com", "http://127.0.0.1:9000/proxy/"] {
        assert!(BaseUrl::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "fcm.googleapis.com",
        "ftp://host",
        "https://user:pw@host",
        "https://host?x=1",
        "https://host#x",
        "https://",
    ] {
        assert!(BaseUrl::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(BaseUrl::parse("http://h/p/").unwrap().with_path("/v1"), "http://h/p/v1");
    for (url, is_readable) in [
        ("http://push.internal", true),
        ("http://10.0.0.1:8080", true),
        ("http://127.0.0.1:8080", false),
        ("http://[::1]:8080/x", false),
        ("http://localhost", false),
        ("https://push.internal", false),
    ] {
        assert_eq!(BaseUrl::parse(url).unwrap().is_readable_on_the_way(), is_readable, "{url}");
    }
    assert!(BaseUrl::parse("HTTPS://h").unwrap().is_tls() && !BaseUrl::parse("http://h").unwrap().is_tls());
}
