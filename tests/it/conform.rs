//! `fleetwire conform`: our own server keeps each contract, and a server that breaks a rule is told which.

use fleetwire::conform::{self, Contract, Outcome, Report, Target};

use crate::support::Server;
use crate::support::faulty_server::{Fault, FaultyServer};

/// A server on which everything happens while the check waits for it: drivers are asked, searches end, silence is told.
async fn server() -> Server {
    Server::builder()
        .setting("MATCH_MODE", "offer")
        .setting("OFFER_WINDOW_SECS", 10)
        .setting("SEARCH_DEADLINE_SECS", 10)
        .setting("ROOM_STALE_SECS", 3)
        .setting("ALLOW_ANONYMOUS_PUSH", false)
        .setting("OPERATOR_REQUESTS_PER_MINUTE", 1_000_000)
        .setting("PUSH_CALLS_PER_MINUTE_PER_CALLER", 1_000_000)
        .start()
        .await
}

fn target(url: String) -> Target {
    Target { url, admin: Some(("admin".to_owned(), "password123".to_owned())), token: None }
}

fn url(server: &Server) -> String {
    format!("http://127.0.0.1:{}", server.port())
}

async fn check(contract: Contract, url: String, only: Option<&str>) -> Report {
    let say = |line: &str| println!("{line}");
    conform::check(contract, &target(url), only, say).await.expect("the rules can be checked")
}

/// Every rule passes, and none is left out.
#[track_caller]
fn all_pass(report: &Report) {
    let others: Vec<String> =
        report.lines.iter().filter(|line| line.outcome != Outcome::Pass).map(ToString::to_string).collect();
    assert!(others.is_empty(), "{}\n{}", report.summary(), others.join("\n"));
    assert!(report.is_kept());
}

#[tokio::test]
async fn our_server_keeps_the_driver_apps_contract() {
    let server = server().await;
    all_pass(&check(Contract::DriverApp, url(&server), None).await);
}

#[tokio::test]
async fn our_server_keeps_the_ride_hailing_contract() {
    let server = server().await;
    all_pass(&check(Contract::RideHailing, url(&server), None).await);
}

#[tokio::test]
async fn our_server_keeps_the_ride_matching_contract() {
    let server = server().await;
    all_pass(&check(Contract::RideMatching, url(&server), None).await);
}

#[tokio::test]
async fn our_server_keeps_the_push_contract() {
    let server = server().await;
    all_pass(&check(Contract::Push, url(&server), None).await);
}

/// Each fault with the rule that it breaks, one or more for each kind of rule.
const FAULTS: [(Contract, &str, Fault); 21] = [
    (Contract::DriverApp, "no-token", Fault::Closes(4001, 1008)),
    (Contract::DriverApp, "second-device", Fault::Closes(4003, 1000)),
    (Contract::DriverApp, "binary", Fault::Closes(1003, 1000)),
    (Contract::DriverApp, "connected-first", Fault::Swallows("connected")),
    (Contract::DriverApp, "shape order_assigned", Fault::LacksField("order_assigned", "data.earnings")),
    (Contract::DriverApp, "event-once", Fault::Twice("order_assigned")),
    (Contract::DriverApp, "replay", Fault::Reorders),
    (Contract::DriverApp, "replay", Fault::Swallows("order_cancelled")),
    (Contract::DriverApp, "confirmed-not-replayed", Fault::Repeats("order_assigned")),
    (Contract::DriverApp, "resume-beyond", Fault::LacksField("resume_failed", "data.newest_id")),
    (Contract::DriverApp, "unknown-type", Fault::EndsAfter("error")),
    (Contract::DriverApp, "login-refused", Fault::Answers("auth/login", 401, 200)),
    (Contract::DriverApp, "profile", Fault::AnswerLacks("driver/profile", "rating")),
    (Contract::RideHailing, "pong-echo", Fault::LacksField("pong", "data.timestamp")),
    (Contract::RideHailing, "strangers-join", Fault::LacksField("error", "data.code")),
    (Contract::RideHailing, "illegal-move", Fault::Answers("/complete", 409, 200)),
    (Contract::RideMatching, "order-nobody", Fault::Swallows("searching")),
    (Contract::RideMatching, "bad-id", Fault::Answers("/ws/ride/", 404, 403)),
    (Contract::RideMatching, "shape driver_assigned", Fault::LacksField("driver_assigned", "driver.phone")),
    (Contract::Push, "register-symbian", Fault::Answers("Push/register", 400, 200)),
    (Contract::Push, "send", Fault::AnswerLacks("sendToCustomer", "expoResult")),
];

#[tokio::test]
async fn a_server_that_breaks_a_rule_is_told_which() {
    let server = server().await;
    for (contract, rule, fault) in FAULTS {
        let faulty = FaultyServer::start(server.port(), fault).await;
        let report = check(contract, faulty.url(), Some(rule)).await;
        let line = report.lines.iter().find(|line| line.name == rule).expect("there is such a rule");
        assert!(matches!(line.outcome, Outcome::Fail(_)), "{fault:?}: {line}");
        assert!(!report.is_kept());
    }
}

/// The way itself breaks nothing, or the faults would prove nothing.
#[tokio::test]
async fn the_way_to_a_faulty_server_is_no_fault_by_itself() {
    let server = server().await;
    let sound = FaultyServer::start(server.port(), Fault::Swallows("nothing has this type")).await;
    for (contract, only) in
        [(Contract::DriverApp, "token"), (Contract::DriverApp, "event"), (Contract::Push, "send")]
    {
        all_pass(&check(contract, sound.url(), Some(only)).await);
    }
}

#[tokio::test]
async fn what_can_not_be_checked_without_an_operator_is_skipped_and_said() {
    let server = server().await;
    let nobody = Target { url: url(&server), admin: None, token: None };
    let report =
        conform::check(Contract::DriverApp, &nobody, None, |_| {}).await.expect("the rules can be checked");
    assert!(report.is_kept());
    let of = |name: &str| report.lines.iter().find(|line| line.name == name).expect("a rule").outcome.clone();
    assert_eq!(of("no-token"), Outcome::Pass);
    assert!(matches!(of("replay"), Outcome::Skip(why) if why.contains("--admin-user")));
}

#[tokio::test]
async fn the_command_prints_each_rule_and_writes_junit() {
    let server = server().await;
    let (url, who) = (url(&server), ["--admin-user", "admin", "--admin-password", "password123"]);
    let mut command =
        vec!["conform", "--contract", "driver-app", "--url", &url, "--only", "token", "--junit", "r.xml"];
    command.extend(who);
    let said = server.command(&command).await;
    assert!(said.contains("pass  no-token: "), "{said}");
    assert!(said.contains(" 0 failed, 0 skipped"), "{said}");
    let xml = std::fs::read_to_string(server.directory().join("r.xml")).expect("it was written");
    assert!(xml.starts_with("<?xml") && xml.contains("<testcase classname=\"driver-app\""), "{xml}");
    assert_eq!(xml.matches("<testcase").count(), said.matches("pass  ").count());

    let faulty = FaultyServer::start(server.port(), Fault::Closes(4001, 1000)).await;
    let url = faulty.url();
    let broken = ["conform", "--contract", "driver-app", "--url", &url, "--only", "no-token"];
    let output = server.try_command(&broken).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("FAIL  no-token: ") && said.contains("instead: "), "{said}");
}
