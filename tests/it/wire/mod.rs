//! The wire below every contract: what RFC 6455 says of frames, fragments, control frames, UTF-8 and closing, on the
//! product's own session code with a conversation that echoes. The families and their numbers are those of the Autobahn
//! test suite, whose table this is in bytes; the suite itself needs Python 2.7, which is rarely available.
//!
//! One difference is intended: no contract has binary messages, so they are refused with 1003 (families 1.2 and 9.2).
//!
//! `ECHO_PORT=9001 cargo test --test it echo_for_other_suites -- --ignored` serves the echo for another suite.

mod cases;
mod client;
mod echo;

use client::Client;
use echo::Echo;

#[actix_web::test]
async fn every_case_of_the_wire_ends_as_the_standard_says() {
    let echo = Echo::start(0).await;
    let mut wrong = Vec::new();
    let cases = cases::all();
    for case in &cases {
        let mut client = Client::connect(echo.port()).await;
        if let Err(reason) = client.play(case).await {
            wrong.push(format!("{}: {reason}", case.id));
        }
    }
    println!("{} cases", cases.len());
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(echo.panics(), 0);
    echo.stop().await;
}

/// Serves until it is ended, for a suite that runs elsewhere.
#[actix_web::test]
#[ignore = "runs until it is ended"]
async fn echo_for_other_suites() {
    let port = crate::support::rounds("ECHO_PORT", 9001);
    let echo = Echo::start(u16::try_from(port).expect("a port")).await;
    println!("ws://127.0.0.1:{}/", echo.port());
    std::future::pending::<()>().await;
}
