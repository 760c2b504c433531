//! `fleetwire doctor`: checks an installation before and while it runs, and says of each check in one line whether it is right
//! and, if it is not, what to do. It changes nothing: databases are opened read-only, and the one file that it writes, to
//! measure the disk, is removed again.

mod certificate;
mod clocks;
mod database;
mod files;
mod finding;
mod machine;
mod push;
mod settings;
mod web;

use crate::app::cli::Doctor;
use crate::app::say;
use crate::clock::{SharedClock, System};
use crate::config::{Settings, SettingsProblems};
use crate::providers;
use finding::{Finding, Report};
use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;
use web::Web;

/// Whether there is no fault; prints everything.
pub async fn doctor(
    options: Doctor,
    loaded: Result<Settings, SettingsProblems>,
) -> Result<bool, Box<dyn Error>> {
    let findings = match loaded {
        Ok(settings) => examine(&options, &settings).await?,
        Err(problems) => settings::problems(&problems),
    };
    let report = Report::of(&findings);
    if options.json {
        say(&serde_json::to_string_pretty(&report)?)?;
        return Ok(report.ok);
    }
    for finding in &findings {
        say(&finding.to_string())?;
    }
    say(&format!("{} faults, {} warnings, {} checks", report.faults, report.warnings, findings.len()))?;
    Ok(report.ok)
}

async fn examine(options: &Doctor, settings: &Settings) -> Result<Vec<Finding>, Box<dyn Error>> {
    let clock: SharedClock = Arc::new(System);
    let now = clock.now();
    let mut findings = settings::settings(settings);
    findings.extend(files::secrets(settings));
    findings.extend(issuer_key(settings));
    findings.extend(database::database(settings, &clock));
    if let Some(directory) = &options.backups {
        findings.push(files::backups(directory, SystemTime::from(now)));
    }
    findings.push(machine::open_files(settings));
    let own = Web::of_this_machine()?;
    findings.extend(machine::addresses(settings, &own).await);
    if let Some(tls) = &settings.listen.tls {
        findings.extend(certificate::certificate(tls, now));
    }
    findings.extend(push::push(settings, &clock, options.offline).await);
    // Where the authorities can't be read, the push services' check has said so.
    if let (false, Ok(tls)) = (options.offline, providers::tls(&settings.push)) {
        let services = Web::verifying(tls)?;
        findings.extend(clocks::services_clocks(&settings.push, &services, &clock).await);
    }
    if let (false, Some(url)) = (options.offline, &options.public_url) {
        let outside = Web::verifying(providers::system_tls()?)?;
        findings.extend(machine::public_url(settings, url, &outside).await);
    }
    Ok(findings)
}

/// The outside issuer's key, as the start reads it.
fn issuer_key(settings: &Settings) -> Option<Finding> {
    match crate::app::outside_key(settings) {
        Ok(None) => None,
        Ok(Some(_)) => Some(Finding::ok("issuer-key", "the outside issuer's key can be used")),
        Err(error) => {
            Some(Finding::fault("issuer-key", error, "put the issuer's public key there, in PEM form"))
        }
    }
}
