//! The command line.

use crate::conform::Contract;
use crate::domain::ids::{CustomerId, DriverId};
use crate::domain::role::Role;
use crate::operations::people::Person;
use crate::operations::seed::DEMO_PASSWORD;
use crate::simulate::accounts::SEEDS;
use crate::simulate::city::{CITIES, City};
use clap::{ArgGroup, Args, Parser, Subcommand};
use std::path::PathBuf;
use uuid::Uuid;

/// A realtime dispatch server for small fleets.
#[derive(Debug, Parser)]
#[command(
    name = "fleetwire",
    version,
    about,
    after_help = "Settings come from the environment and from .env; see .env.example."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server (the default without a subcommand)
    Serve,
    /// Check an installation, before or while it runs; ends with 1 where something is at fault
    Doctor(Doctor),
    /// Check whether a running server keeps a contract; ends with 1 where it breaks a rule
    Conform(Conform),
    /// Bring the database's schema up to date
    Migrate,
    /// Make demo accounts and orders, or restore them
    Seed(Seed),
    /// Print an access token for testing, alone on its line
    Token(Token),
    /// Manage operators, and suspend or unlock accounts; takes effect on a running server within seconds
    Admin {
        #[command(subcommand)]
        command: Admin,
    },
    /// Make accounts from a CSV file, or change existing ones
    Import {
        #[command(subcommand)]
        people: Import,
    },
    /// Print all data about a person, or erase it
    Person {
        #[command(subcommand)]
        command: PersonCommand,
    },
    /// Print the description of REST, an OpenAPI document
    Openapi,
    /// Print the description of the sockets, an AsyncAPI document
    Asyncapi,
    /// Remove data that is older than its retention
    Prune,
    /// Copy the SQLite database to a new file, even while a server is running
    Backup {
        /// Path of the copy, which only its owner can read
        #[arg(value_name = "FILE")]
        copy: PathBuf,
    },
    /// Replace the SQLite database with a backup; the replaced one is kept
    Restore {
        /// A copy made by `fleetwire backup`, or another complete one
        #[arg(value_name = "BACKUP")]
        backup: PathBuf,
    },
    /// Simulate a fleet, as clients of a running server in development, and report what the server did for it
    Simulate(Simulate),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0; 1 if events were lost, doubled or out of order; 2 if it could not run."
)]
pub struct Simulate {
    /// Address of the server, http:// with a host and a port
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub url: String,
    /// User name of an operator who is an admin
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub admin_user: String,
    /// That operator's password
    #[arg(long, value_name = "PASSWORD", default_value = DEMO_PASSWORD)]
    pub admin_password: String,
    /// Number of drivers
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub drivers: u32,
    /// Number of riders, who ask for rides
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub riders: u32,
    /// Number of orders that the operator makes and assigns in each minute
    #[arg(long, value_name = "N", default_value_t = 30.0, value_parser = orders_per_minute)]
    pub orders_per_minute: f64,
    /// City whose streets they drive on
    #[arg(long, value_name = "CITY", default_value = "johannesburg", value_parser = city)]
    pub city: &'static City,
    /// The same seed makes the same people, who do the same
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(SEEDS))]
    pub seed: u64,
    /// How long it goes on, once everybody is logged in
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = minutes)]
    pub minutes: f64,
    /// Write the report to a file, too, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

fn city(name: &str) -> Result<&'static City, String> {
    let names = CITIES.iter().map(|city| city.name).collect::<Vec<_>>();
    City::named(name).ok_or_else(|| format!("must be one of {}", names.join(", ")))
}

fn orders_per_minute(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number| (0.0..=10_000.0).contains(number));
    number.ok_or("must be a number from 0 to 10000")
}

/// Access tokens last an hour where the server's settings do not say otherwise, and logging in takes a part of it.
fn minutes(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number| (0.1..=50.0).contains(number));
    number.ok_or("must be a number from 0.1 to 50")
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
    /// Ask nobody outside: neither push services nor the public address
    #[arg(long)]
    pub offline: bool,
    /// Directory of the backups, whose newest should be of today
    #[arg(long, value_name = "DIRECTORY")]
    pub backups: Option<PathBuf>,
    /// Address by which apps come, such as https://fleet.example.org
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}

#[derive(Debug, Args)]
pub struct Conform {
    /// The contract: driver-app, ride-hailing, ride-matching or push
    #[arg(long, value_name = "NAME", value_parser = contract)]
    pub contract: Contract,
    /// Where the server is, such as http://127.0.0.1:8000
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// An operator who may make accounts; the rules that need some are skipped without
    #[arg(long, value_name = "NAME", requires = "admin_password", conflicts_with = "token")]
    pub admin_user: Option<String>,
    /// Their password
    #[arg(long, value_name = "PASSWORD", requires = "admin_user")]
    pub admin_password: Option<String>,
    /// An operator's access token instead
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Check only the rules with this in their names
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Write the results as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

fn contract(word: &str) -> Result<Contract, &'static str> {
    Contract::parse(word).ok_or("driver-app, ride-hailing, ride-matching or push")
}

#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// Print all data about a person, as JSON
    Export {
        #[command(flatten)]
        whom: Whom,
    },
    /// Erase a person from the database, with no server running on it; their jobs stay, without their data
    Erase {
        #[command(flatten)]
        whom: Whom,
        /// Confirm the erasure, which can't be undone
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whom {
    /// A customer's id
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    customer: Option<i64>,
    /// A driver's id
    #[arg(long, value_name = "ID")]
    driver: Option<i64>,
}

impl Whom {
    pub fn person(self) -> Person {
        match (self.customer, self.driver) {
            (_, Some(id)) => Person::Driver(DriverId(id)),
            (id, None) => Person::Customer(CustomerId(id.unwrap_or_default())),
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Import {
    /// Customers: the columns are the fields of POST admin/customers
    Customers(ImportFile),
    /// Drivers: the columns are the fields of POST admin/drivers
    Drivers(ImportFile),
}

#[derive(Debug, Args)]
pub struct ImportFile {
    /// CSV file with the names of the fields in its first line; username, name and phone_number are required
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// Report what would be done, or all that is wrong, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Seed {
    /// Number of further drivers to make, around a city
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub drivers: usize,
    /// Number of further customers to make
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub customers: usize,
    /// Remove the demo accounts
    #[arg(long, conflicts_with_all = ["drivers", "customers"])]
    pub remove: bool,
}

#[derive(Debug, Args)]
// A group of its own: the one that clap derives for the struct has all its arguments, --ttl-secs too.
#[command(group(ArgGroup::new("who").args(["driver", "customer", "admin", "service"]).required(true)))]
pub struct Token {
    /// A driver's id, or a range such as 1-5000: one token on each line
    #[arg(long, value_name = "ID")]
    pub driver: Option<IdRange>,
    /// A customer's id, or a range
    #[arg(long, value_name = "ID")]
    pub customer: Option<IdRange>,
    /// The operator with the lowest id
    #[arg(long)]
    pub admin: bool,
    /// One of the operator's programs; its account is made with its first token
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// The program's role, unless it is a service: dispatcher or viewer
    #[arg(long, value_name = "ROLE", conflicts_with_all = ["driver", "customer", "admin"], value_parser = program_role)]
    pub role: Option<Role>,
    /// Name under which a program's or an operator's token is listed
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["driver", "customer"])]
    pub name: Option<String>,
    /// How many seconds the token is valid
    #[arg(long, value_name = "N")]
    pub ttl_secs: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make an operator; the password is read from standard input
    Create {
        /// User name to log in with
        #[arg(long, value_name = "NAME")]
        username: String,
        /// Role: admin, dispatcher (gives and takes work, changes no account) or viewer (sees no phone numbers)
        #[arg(long, value_name = "ROLE", default_value = "admin", value_parser = operator_role)]
        role: Role,
    },
    /// Suspend an account: its sessions end, its tokens are refused
    Suspend(Account),
    /// Lift an account's suspension
    Unlock(Account),
    /// Give an account another password, read from standard input; its sessions end
    Password {
        #[command(flatten)]
        of: Account,
        /// Generate a one-time password and print it instead: it serves once, to set a new one
        #[arg(long)]
        one_time: bool,
    },
    /// Remove an operator's second factor; their sessions end
    TotpReset(Account),
    /// List or end an account's log-ins
    Sessions {
        #[command(subcommand)]
        command: Sessions,
    },
    /// List or revoke the tokens that were made for a program
    Tokens {
        #[command(subcommand)]
        command: Sessions,
    },
}

#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// Print one per line: id, begin, last use, expiry, name
    List(Account),
    /// End one of them, or all
    #[command(group(ArgGroup::new("which").args(["id", "all"]).required(true)))]
    Revoke {
        #[command(flatten)]
        of: Account,
        /// Its id in the list
        #[arg(value_name = "ID")]
        id: Option<Uuid>,
        /// All of them, and every other token of the account
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub struct Account {
    /// User name or phone number; for a program its name, or service:NAME where a person may have the same name
    #[arg(value_name = "NAME")]
    pub name: String,
}

fn operator_role(word: &str) -> Result<Role, &'static str> {
    let role = word.parse().ok().filter(|role: &Role| role.is_operator());
    role.ok_or("an operator is an admin, a dispatcher or a viewer")
}

/// No program is an admin: nobody would see it log in.
fn program_role(word: &str) -> Result<Role, &'static str> {
    let role = word.parse().ok();
    let role = role.filter(|role| [Role::Service, Role::Dispatcher, Role::Viewer].contains(role));
    role.ok_or("a program is a service, a dispatcher or a viewer")
}

/// `7` or `1-5000`, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    pub first: i64,
    pub last: i64,
}

impl std::str::FromStr for IdRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Self { first, last }),
            _ => Err("an id such as 7, or a range such as 1-5000"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// The life of a token was once one of the four whom a token could be for: it went with none of them.
    #[test]
    fn a_token_is_for_one_of_four_and_any_may_have_a_life_of_its_own() {
        let parses = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        for who in ["--driver 123", "--customer 7", "--admin", "--service shop"] {
            assert!(parses(&format!("fleetwire token {who}")), "{who}");
            assert!(parses(&format!("fleetwire token {who} --ttl-secs 10")), "{who}");
        }
        for role in ["service", "dispatcher", "viewer"] {
            assert!(parses(&format!("fleetwire token --service shop --role {role}")), "{role}");
        }
        let wrong =
            ["--ttl-secs 10", "--driver 1 --admin", "--customer 1 --service shop", "--admin --role viewer"];
        for wrong in wrong.into_iter().chain(["--service shop --role admin", "--service shop --role driver"])
        {
            assert!(!parses(&format!("fleetwire token {wrong}")), "{wrong}");
        }
    }

    #[test]
    fn a_person_is_one_customer_or_one_driver() {
        let parses = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        for line in ["export --customer 7", "erase --driver 7 --yes", "export --customer -12"] {
            assert!(parses(&format!("fleetwire person {line}")), "{line}");
        }
        for wrong in ["export", "export --customer 7 --driver 7", "erase --yes"] {
            assert!(!parses(&format!("fleetwire person {wrong}")), "{wrong}");
        }
    }

    #[test]
    fn one_session_is_revoked_or_all() {
        let parses = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        let id = Uuid::nil();
        for of in ["sessions", "tokens"] {
            assert!(parses(&format!("fleetwire admin {of} revoke anna {id}")), "{of}");
            assert!(parses(&format!("fleetwire admin {of} revoke anna --all")), "{of}");
            for wrong in ["anna", &format!("anna {id} --all"), "anna first"] {
                assert!(!parses(&format!("fleetwire admin {of} revoke {wrong}")), "{of} {wrong}");
            }
        }
    }

    #[test]
    fn a_simulation_is_of_a_city_that_there_is_and_lasts_as_long_as_a_token() {
        let parses =
            |line: &str| Cli::try_parse_from(format!("fleetwire simulate {line}").split_whitespace()).is_ok();
        assert!(
            parses("") && parses("--city Berlin --minutes 0.5 --seed 7 --riders 0 --orders-per-minute 0")
        );
        for wrong in
            ["--city atlantis", "--minutes 0", "--minutes 51", "--drivers 0", "--seed 100000", "--seed -1"]
        {
            assert!(!parses(wrong), "{wrong}");
        }
    }

    #[test]
    fn ids_come_alone_or_as_a_range() {
        assert_eq!("7".parse(), Ok(IdRange { first: 7, last: 7 }));
        assert_eq!("1-5000".parse(), Ok(IdRange { first: 1, last: 5000 }));
        for wrong in ["", "0", "5-1", "-3", "1-", "x"] {
            assert!(wrong.parse::<IdRange>().is_err(), "{wrong}");
        }
    }
}
