//! `fleetwire import`: brings people in from a CSV file, even while a server runs. If anything is wrong with the file,
//! all of it is reported at once, with its line, and nothing is written. Rows are written in steps, so that a server
//! can decide in between; after an interruption the same file may be imported again.

mod sheet;

use crate::api::import::{self, People};
use crate::app::cli::ImportFile;
use crate::app::{CommandResult, Foundation, local_user, logging, say};
use crate::config::Settings;
use crate::operations::audit::{self, Call};
use crate::operations::import::{Imported, Known, look, write};
use crate::operations::passwords::{Password, PasswordError, hash_now};
use crate::operations::{self};
use crate::store::{Conn, Database, StoreError, Tx};
use sheet::{Sheet, Wrong};
use std::collections::HashMap;
use std::num::NonZeroUsize;

/// People made or changed in one transaction.
const BATCH: usize = 500;

struct Row {
    line: u64,
    imported: Imported,
    password: Option<Password>,
}

pub async fn import(settings: &Settings, people: People, options: ImportFile) -> CommandResult {
    let bytes =
        std::fs::read(&options.file).map_err(|error| format!("{}: {error}", options.file.display()))?;
    let rows = sheet::read(&bytes).and_then(|sheet| rows(people, sheet)).map_err(said)?;
    let foundation = Foundation::open(settings)?;
    let outcome = bring_in(&foundation.database, people, rows, options.dry_run).await;
    foundation.database.close();
    outcome
}

async fn bring_in(database: &Database, people: People, rows: Vec<Row>, is_dry: bool) -> CommandResult {
    let known = known(database, &rows).await?;
    let new = known.iter().filter(|known| known.is_none()).count();
    let (changed, what) = (rows.len() - new, word(people));
    if is_dry {
        return say(&format!(
            "The file is valid. It would make {new} {what} and change {changed} existing ones."
        ));
    }
    let rows = with_passwords(rows, &known)?;
    let rows: Vec<(Imported, Known)> = rows.into_iter().zip(known).collect();
    for (index, batch) in rows.chunks(BATCH).enumerate() {
        let batch = batch.to_vec();
        let call = Call::local(local_user(), &format!("import {what}"));
        let bring_in = move |tx: &mut Tx<'_>| {
            write(tx, &batch)?;
            Ok(audit::record(tx, &call)?)
        };
        let written: Result<(), operations::Error> = database.write(bring_in).await;
        written.map_err(|error| {
            let done = index * BATCH;
            format!("{error}; the first {done} rows are written, and the same file may be brought in again")
        })?;
    }
    say(&format!("Made {new} {what} and changed {changed} existing ones."))
}

fn word(people: People) -> &'static str {
    match people {
        People::Customers => "customers",
        People::Drivers => "drivers",
    }
}

/// Every row read, or all that is wrong.
fn rows(people: People, sheet: Sheet) -> Result<Vec<Row>, Vec<Wrong>> {
    let at = |line: u64, field: String, message: String| Wrong { line, field: Some(field), message };
    let columns = import::columns(people, &sheet.columns);
    if !columns.is_empty() {
        return Err(columns.into_iter().map(|problem| at(1, problem.field, problem.message)).collect());
    }
    let (mut rows, mut wrong) = (Vec::with_capacity(sheet.rows.len()), Vec::new());
    for row in sheet.rows {
        match import::row(people, &row.cells) {
            Ok((imported, password)) => rows.push(Row { line: row.line, imported, password }),
            Err(problems) => {
                wrong
                    .extend(problems.into_iter().map(|problem| at(row.line, problem.field, problem.message)));
            }
        }
    }
    wrong.extend(twice(&rows));
    wrong.sort_by_key(|wrong| wrong.line);
    if wrong.is_empty() { Ok(rows) } else { Err(wrong) }
}

/// Values that two rows of the file share although only one may have them.
fn twice(rows: &[Row]) -> Vec<Wrong> {
    let mut seen: HashMap<(&'static str, &str), u64> = HashMap::new();
    let mut wrong = Vec::new();
    for row in rows {
        let person = &row.imported.person;
        let number = person.phone_number.as_ref().map(|number| ("phone_number", number.as_str()));
        let external_id = row.imported.external_id().map(|id| ("external_id", id));
        let unique = [Some(("username", person.username.as_str())), number, external_id];
        for (field, value) in unique.into_iter().flatten() {
            if let Some(first) = seen.get(&(field, value)) {
                let message = format!("is already on line {first}");
                wrong.push(Wrong { line: row.line, field: Some(field.to_owned()), message });
            } else {
                seen.insert((field, value), row.line);
            }
        }
    }
    wrong
}

/// The people who exist already, or everything that prevents the import.
async fn known(database: &Database, rows: &[Row]) -> Result<Vec<Known>, Box<dyn std::error::Error>> {
    let (mut known, mut wrong) = (Vec::with_capacity(rows.len()), Vec::new());
    for batch in rows.chunks(BATCH) {
        let lines: Vec<u64> = batch.iter().map(|row| row.line).collect();
        let batch: Vec<Imported> = batch.iter().map(|row| row.imported.clone()).collect();
        let looked = database
            .read(move |conn: &mut Conn<'_>| {
                batch.iter().map(|row| look(conn, row)).collect::<Result<Vec<_>, StoreError>>()
            })
            .await?;
        for (line, (id, obstacles)) in lines.into_iter().zip(looked) {
            known.push(id);
            wrong.extend(obstacles.into_iter().map(|(field, message)| Wrong {
                line,
                field: Some(field.to_owned()),
                message: message.to_owned(),
            }));
        }
    }
    if wrong.is_empty() { Ok(known) } else { Err(said(wrong).into()) }
}

/// Says all that is wrong, a line each, and sums it up.
fn said(wrong: Vec<Wrong>) -> String {
    for one in &wrong {
        logging::say(&one.to_string());
    }
    let count = wrong.len();
    format!(
        "{count} {} wrong with the file; nothing was written",
        if count == 1 { "thing is" } else { "things are" }
    )
}

/// Hashes the new people's passwords, on as many threads as there are: each takes what a log-in takes.
fn with_passwords(rows: Vec<Row>, known: &[Known]) -> Result<Vec<Imported>, PasswordError> {
    let mut people = Vec::with_capacity(rows.len());
    let mut to_hash = Vec::new();
    for (index, (row, known)) in rows.into_iter().zip(known).enumerate() {
        to_hash.extend(row.password.filter(|_| known.is_none()).map(|password| (index, password)));
        people.push(row.imported);
    }
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = to_hash.len().div_ceil(threads).max(1);
    let hashed = std::thread::scope(|scope| {
        let hash = |part: &[(usize, Password)]| {
            part.iter()
                .map(|(index, password)| Ok((*index, hash_now(password)?)))
                .collect::<Result<Vec<_>, _>>()
        };
        let threads: Vec<_> = to_hash.chunks(share).map(|part| scope.spawn(move || hash(part))).collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("hashing does not panic"));
        joined.collect::<Result<Vec<_>, PasswordError>>()
    })?;
    for (index, hash) in hashed.into_iter().flatten() {
        people[index].person.password_hash = Some(hash);
    }
    Ok(people)
}
