//! `fleetwire person export` and `fleetwire person erase`: the same as admins can do by REST, for those with access to
//! the database.

use crate::app::cli::{PersonCommand, Whom};
use crate::app::{CommandResult, Foundation, local_user, place, say};
use crate::config::Settings;
use crate::domain::ids::JobId;
use crate::operations::audit::{self, Call};
use crate::operations::people::{self, Erasing, Export, Person};
use crate::operations::{self};
use crate::store::{Conn, Database, ServeLock, ServeLockError, StoreError, personal};
use std::error::Error;
use std::io::Write;

pub async fn person(settings: &Settings, command: PersonCommand) -> CommandResult {
    // Before anything is opened: closing SQLite's file would give the lock away.
    let _lock = match &command {
        PersonCommand::Erase { .. } => Some(alone(settings)?),
        PersonCommand::Export { .. } => None,
    };
    let foundation = Foundation::open(settings)?;
    let outcome = match command {
        PersonCommand::Export { whom } => export(&foundation, whom).await,
        PersonCommand::Erase { whom, yes: true } => erase(&foundation.database, whom.person()).await,
        PersonCommand::Erase { .. } => Err("this can't be undone; confirm it with --yes".into()),
    };
    foundation.database.close();
    outcome
}

/// A server has the person's sockets, and positions on their way.
fn alone(settings: &Settings) -> Result<ServeLock, Box<dyn Error>> {
    ServeLock::take(&place(&settings.database.url)).map_err(|error| match error {
        ServeLockError::Taken => {
            "a server is running on this database and has the person's sockets; ask it with POST \
            admin/customers/{id}/erase or admin/drivers/{id}/erase, or stop it first"
                .into()
        }
        other => other.into(),
    })
}

async fn export(foundation: &Foundation, whom: Whom) -> CommandResult {
    let (person, at, database) = (whom.person(), foundation.clock.now(), &foundation.database);
    let export: Result<Export, operations::Error> =
        database.read(move |conn| Export::of(conn, person, at)).await;
    let mut export = export?;
    let call = Call { subject: Some(person.subject()), ..Call::local(local_user(), "person export") };
    // Before anything is shown.
    let recorded: Result<(), StoreError> = database.write(move |tx| audit::record(tx, &call)).await;
    recorded?;
    let mut out = std::io::stdout().lock();
    loop {
        let reading = move |conn: &mut Conn<'_>| {
            let mut next = export.clone();
            let part = next.part(conn)?;
            Ok::<_, StoreError>((next, part))
        };
        let (next, part) = database.read(reading).await?;
        let Some(part) = part else { break };
        out.write_all(part.as_bytes())?;
        export = next;
    }
    Ok(out.flush()?)
}

async fn erase(database: &Database, person: Person) -> CommandResult {
    let call = Call { subject: Some(person.subject()), ..Call::local(local_user(), "person erase") };
    let begun: Result<Erasing, operations::Error> = database
        .write(move |tx| {
            let erasing = people::begin(tx, person)?;
            audit::record(tx, &call)?;
            Ok(erasing)
        })
        .await;
    goes_on(begun?)?;
    if let Person::Driver(driver) = person {
        while database.write_bulk(move |tx| people::forget_positions(tx, driver)).await? > 0 {}
    }
    let finished: Result<Erasing, operations::Error> =
        database.write(move |tx| people::finish(tx, person)).await;
    goes_on(finished?)?;
    let written: Result<(), StoreError> = database.read(personal::write_back).await;
    written?;
    say(&format!("{} is erased. Backups of before still have them.", person.subject()))
}

fn goes_on(erasing: Erasing) -> CommandResult {
    match erasing {
        Erasing::GoesOn => Ok(()),
        Erasing::OpenJobs(open) => {
            let open: Vec<String> = open.iter().map(JobId::to_string).collect();
            Err(format!("open jobs: {}; complete or cancel them, then try again", open.join(", ")).into())
        }
    }
}
