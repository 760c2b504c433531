//! One server with its own directory, database and port for one test. Dropping it kills the process by its id and checks
//! the books: a log with an unexpected error or a panic in it fails the test. A failed test leaves its directory
//! behind, and says where.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::app::Door;
use super::database::Database;
use super::driver_app::DriverApp;
use super::faulty_disk::FaultyDisk;
use super::hailing_app::HailingApp;
use super::link::Link;
use super::matching_app::RideDoor;
use super::operator::Operator;
use super::process::{self, Process, Settings, Start};
use super::{Api, DRIVER, documented, tokens};

/// The lines of the log that a failed test shows; all of it stays in the directory.
const LOG_TAIL_LINES: usize = 40;

pub struct Server {
    directory: PathBuf,
    settings: Settings,
    expected_errors: Vec<&'static str>,
    process: Option<Process>,
    port: u16,
    disk: Option<FaultyDisk>,
    /// Declared last, so that it is dropped after the process that uses it.
    database: Database,
}

pub struct Builder {
    settings: Settings,
    expected_errors: Vec<&'static str>,
    has_faulty_disk: bool,
    /// The address in the database's URL, and the one that takes its place.
    detour: Option<[String; 2]>,
}

impl Builder {
    pub fn setting(mut self, name: &str, value: impl ToString) -> Builder {
        self.settings.insert(name.to_owned(), value.to_string());
        self
    }

    /// Without a setting that all tests have.
    pub fn without(mut self, name: &str) -> Builder {
        self.settings.remove(name);
        self
    }

    /// A port that nothing else is given by chance, for servers that must come back on it: below the range from which
    /// the system serves clients, so that no client of a dead server can be connected to itself there.
    pub fn stable_port(self) -> Builder {
        let free = (0..200)
            .map(|_| rand::random_range(20_000..32_000u16))
            .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let port = free.expect("one port in two hundred is free");
        self.setting("BIND", format!("127.0.0.1:{port}"))
    }

    /// Lets the log hold errors that contain `text`.
    pub fn expect_error(mut self, text: &'static str) -> Builder {
        self.expected_errors.push(text);
        self
    }

    /// On a disk that can be given faults, which is sound at first. For SQLite.
    pub fn on_faulty_disk(mut self) -> Builder {
        self.has_faulty_disk = true;
        self
    }

    /// The server reaches its database by this way.
    pub fn through(mut self, link: &Link) -> Builder {
        self.detour = Some(link.detour());
        self
    }

    pub async fn start(self) -> Server {
        let directory = new_directory();
        let database = Database::create(&directory);
        self.start_on(directory, database).await
    }

    /// On a database that the test has prepared, in the directory where it is.
    pub async fn start_on(self, directory: PathBuf, database: Database) -> Server {
        let mut settings = self.settings;
        let [its_own, instead] = self.detour.unwrap_or_default();
        settings.insert("DATABASE_URL".to_owned(), database.url().replacen(&its_own, &instead, 1));
        let file = database.file().filter(|_| self.has_faulty_disk);
        let disk = file.map(|file| FaultyDisk::new(&directory, &file, &mut settings));
        let expected_errors = self.expected_errors;
        let mut server =
            Server { directory, settings, expected_errors, process: None, port: 0, disk, database };
        server.start().await;
        server
    }
}

pub fn new_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("test").replace("::", ".");
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("it");
    let directory = parent.join(format!("{test}.{}.{number}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the target directory is writable");
    directory
}

impl Server {
    /// Limits that protect a server from strangers would only get in the way of a test that is about something
    /// else; a test about a limit sets it.
    pub fn builder() -> Builder {
        let builder = Builder {
            settings: Settings::new(),
            expected_errors: Vec::new(),
            has_faulty_disk: false,
            detour: None,
        };
        builder
            .setting("BIND", "127.0.0.1:0")
            .setting("JWT_SECRET", tokens::SECRET)
            .setting("RUST_LOG", "info")
            .setting("DRAIN_SECS", 1)
            .setting("HANDSHAKES_PER_MINUTE_PER_ADDRESS", 1_000_000)
            .setting("HANDSHAKES_PER_MINUTE_PER_ACCOUNT", 1_000_000)
            .setting("LOGINS_PER_MINUTE_PER_ACCOUNT", 1_000_000)
            .setting("LOGINS_PER_MINUTE_PER_ADDRESS", 1_000_000)
            .setting("MESSAGES_PER_SECOND", 1_000_000)
            .setting("FIND_DRIVER_PER_MINUTE", 1_000_000)
            .setting("ANONYMOUS_RIDES_PER_MINUTE", 1_000_000)
            .setting("REQUESTS_PER_MINUTE_PER_ACCOUNT", 1_000_000)
            .setting("JOBS_PER_MINUTE_PER_CUSTOMER", 1_000_000)
            .setting("MAX_OPEN_RIDES_PER_CUSTOMER", 1_000_000)
            .setting("MAX_OPEN_BOOKINGS_PER_CUSTOMER", 1_000_000)
            .setting("MAX_OPEN_RIDES_PER_ADDRESS", 1_000_000)
            .setting("MAX_SOCKETS_PER_ADDRESS", 1_000_000)
            .setting("NEARBY_PER_MINUTE", 1_000_000)
    }

    /// On which of the databases the scenarios run.
    pub fn is_on_postgres() -> bool {
        std::env::var_os("FLEETWIRE_TEST_POSTGRES").is_some()
    }

    pub async fn start_default() -> Server {
        Server::builder().start().await
    }

    async fn start(&mut self) {
        match process::serve(&self.directory, &self.settings).await {
            Start::Listening { process, port } => {
                self.process = Some(process);
                self.port = port;
                self.settings.insert("BIND".to_owned(), format!("127.0.0.1:{port}"));
            }
            Start::Refused { status, log } => panic!("the server did not start ({status}):\n{log}"),
        }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.take().expect("the server runs").kill();
    }

    /// Starts it again on the same port and database.
    pub async fn restart(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
        self.start().await;
    }

    /// SIGTERM, then the exit status and how long that took.
    pub async fn terminate(&mut self) -> (ExitStatus, Duration) {
        self.process.take().expect("the server runs").terminate().await
    }

    /// Waits until the server has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.take().expect("the server runs").ended().await
    }

    pub fn signal(&self, name: &str) {
        self.process.as_ref().expect("the server runs").signal(name);
    }

    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    /// Starts it again with these for its output, and waits until it answers. Wants a stable port.
    pub async fn restart_with(&mut self, stdout: Stdio, stderr: Stdio) {
        drop(self.process.take());
        self.process = Some(process::spawn(&self.directory, &self.settings, stdout, stderr));
        let api = self.anonymous();
        let asked = async || api.request(reqwest::Method::GET, "/healthz").send().await.is_ok();
        super::wait_until("it answers", asked).await;
    }

    /// A `serve` that must not start on this database: its status and what it said.
    pub async fn refused_start(&self) -> (ExitStatus, String) {
        self.refused_start_with(&[]).await
    }

    pub async fn refused_start_with(&self, changes: &[(&str, &str)]) -> (ExitStatus, String) {
        let mut settings = self.settings.clone();
        settings.insert("BIND".to_owned(), "127.0.0.1:0".to_owned());
        settings.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let directory = self.directory.join("refused");
        std::fs::create_dir_all(&directory).expect("the test's directory is writable");
        match process::serve(&directory, &settings).await {
            Start::Listening { .. } => panic!("a server started where it must refuse to"),
            Start::Refused { status, log } => (status, log),
        }
    }

    /// Runs a subcommand that must not succeed, and returns what it complained of.
    pub async fn refused_command(&self, arguments: &[&str]) -> String {
        let output = self.try_command(arguments).await;
        assert!(!output.status.success(), "{arguments:?}: {}", output.status);
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs a subcommand next to the server, which must succeed, and returns its output.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let output = self.try_command(arguments).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}\n{complaint}", output.status);
        String::from_utf8(output.stdout).expect("the server prints UTF-8")
    }

    /// The same of one that reads from standard input.
    pub async fn command_fed(&self, arguments: &[&str], input: &str) -> String {
        let output = process::run_fed(&self.directory, &self.settings, arguments, input).await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the server prints UTF-8")
    }

    /// The same where it may fail.
    pub async fn try_command(&self, arguments: &[&str]) -> Output {
        process::run(&self.directory, &self.settings, arguments).await
    }

    /// Runs the fleet simulator against this server, and returns its exit code, its output and what it complained of.
    pub async fn simulate(&self, arguments: &[&str], deadline: Duration) -> (Option<i32>, String, String) {
        let url = format!("http://127.0.0.1:{}", self.port);
        let arguments = [&["simulate", "--url", url.as_str()][..], arguments].concat();
        let output = process::run_within(&self.directory, &self.settings, &arguments, deadline).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the simulator prints UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Where it runs, and a test may put files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn memory_mib(&self) -> u64 {
        self.process.as_ref().expect("the server runs").memory_mib()
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    pub fn disk(&self) -> &FaultyDisk {
        self.disk.as_ref().expect("it was started on a faulty disk")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every port that it listens on.
    pub fn ports(&self) -> Vec<u16> {
        process::announced_ports(&self.directory)
    }

    /// An access token of a driver, made next to the running server.
    pub async fn driver_token(&self, driver_id: i64) -> String {
        self.command(&["token", "--driver", &driver_id.to_string()]).await.trim().to_owned()
    }

    /// A driver's way in, with a good token.
    pub async fn door(&self, driver_id: i64) -> Door {
        Door::driver(self.port, driver_id, self.driver_token(driver_id).await)
    }

    /// A driver's app, connected.
    pub async fn driver(&self, driver_id: i64) -> DriverApp {
        self.door(driver_id).await.connect().await
    }

    /// The hailing apps' door, for the token's account.
    pub fn hailing_door(&self, token: impl Into<String>) -> Door {
        Door::hailing(self.port, token.into())
    }

    /// A passenger's hailing app, connected.
    pub async fn hailing_passenger(&self, customer_id: i64) -> HailingApp {
        self.hailing_door(self.passenger_token(customer_id).await).connect().await
    }

    /// A driver's hailing app, connected.
    pub async fn hailing_driver(&self, driver_id: i64) -> HailingApp {
        self.hailing_door(self.driver_token(driver_id).await).connect().await
    }

    /// An operator's screen, connected.
    pub async fn hailing_admin(&self) -> HailingApp {
        self.hailing_door(self.operator().await.token()).connect().await
    }

    /// REST with a driver's token.
    pub async fn driver_api(&self, driver_id: i64) -> Api {
        Api::new(self.port).with_token(self.driver_token(driver_id).await)
    }

    /// REST with a passenger's token.
    pub async fn passenger_api(&self, customer_id: i64) -> Api {
        Api::new(self.port).with_token(self.passenger_token(customer_id).await)
    }

    /// An access token of a passenger, made next to the running server.
    pub async fn passenger_token(&self, customer_id: i64) -> String {
        self.command(&["token", "--customer", &customer_id.to_string()]).await.trim().to_owned()
    }

    /// The way to a ride of the matching app, as an unmodified app goes it.
    pub fn ride_door(&self, ride_id: &str) -> RideDoor {
        RideDoor::new(self.port, ride_id)
    }

    pub fn anonymous(&self) -> Api {
        Api::new(self.port)
    }

    /// The demo operator, logged in.
    pub async fn operator(&self) -> Operator {
        Operator::log_in(self.port).await
    }

    /// The sum of a metric over its labels; zero where it was never counted.
    pub async fn metric(&self, name: &str) -> f64 {
        let metrics = self.anonymous().get("/metrics").await.expect(200).text;
        let is_of_metric = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
        };
        metrics
            .lines()
            .filter(is_of_metric)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Makes `count` more drivers and returns the ids of all but those of the demo data.
    pub async fn more_drivers(&self, count: usize) -> Vec<i64> {
        self.command(&["seed", "--drivers", &count.to_string()]).await;
        let everybody = self.operator().await.driver_ids().await;
        let ids: Vec<i64> = everybody.into_iter().filter(|id| ![1, 2, 3, DRIVER].contains(id)).collect();
        assert_eq!(ids.len(), count, "seed makes as many drivers as it is asked to");
        ids
    }

    /// Its standard output, over all its starts.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(process::stdout_file(&self.directory)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines of the log that contain a text, each without its time, level and place; all that the server has said by now.
    pub fn logged(&self, text: &str) -> Vec<String> {
        self.wait_for_log();
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains(text));
        lines.map(|line| line.split_once("] ").map_or(line, |(_, rest)| rest).to_owned()).collect()
    }

    /// Its log, over all its starts.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(process::log_file(&self.directory)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A thread of the server writes its log a moment after the fact, in order: the answer to a hang-up comes last.
    fn wait_for_log(&self) {
        let Some(process) = &self.process else { return };
        let answers = || self.log().matches("reloading signal=SIGHUP").count();
        let before = answers();
        process.signal("HUP");
        let deadline = Instant::now() + Duration::from_secs(10);
        while answers() == before {
            assert!(Instant::now() < deadline, "the server writes its log");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn unexpected_errors(&self) -> Vec<String> {
        let is_expected = |line: &str| self.expected_errors.iter().any(|text| line.contains(text));
        let log = self.log();
        let bad = log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked at"));
        bad.filter(|line| !is_expected(line)).map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
        let (errors, faults) = (self.unexpected_errors(), documented::faults());
        if !std::thread::panicking() && errors.is_empty() && faults.is_empty() {
            let _ = std::fs::remove_dir_all(&self.directory);
            return;
        }
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
        eprintln!("evidence in {}; the log ends with\n{}", self.directory.display(), tail.join("\n"));
        if !std::thread::panicking() {
            // A fault may be of another test that runs at the same time.
            assert!(faults.is_empty(), "the wire is not as its document says:\n{}", faults.join("\n"));
            panic!("the server logged what nobody expected:\n{}", errors.join("\n"));
        }
    }
}
