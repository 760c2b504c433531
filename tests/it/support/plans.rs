//! The statements that a read sends, and how the database would execute them. Each list must end with its page, however
//! large the table is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, QueryableByName, RunQueryDsl};
use fleetwire::store::{self, Conn, StoreError, Where};

use super::database::Database;
use super::server::new_directory;

/// A database of its own with the schema and some rows, asked without a server.
pub struct Plans {
    // Dropped after the connection.
    connection: Either,
    said: Arc<Mutex<Vec<String>>>,
    _database: Database,
    directory: PathBuf,
}

enum Either {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

#[derive(QueryableByName)]
struct SqliteLine {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Steps that a read of a page must not contain: scanning everything, or sorting it.
const NO_WALKS: [&str; 4] = ["SCAN ", "TEMP B-TREE", "Seq Scan", "Sort  ("];

impl Plans {
    /// `rows` are statements that both databases understand.
    pub fn with(rows: &[&str]) -> Plans {
        let directory = new_directory();
        let database = Database::create(&directory);
        let at = match database.file() {
            Some(file) => Where::Sqlite(file),
            None => Where::Postgres(database.url().to_owned()),
        };
        store::migrate(&at, Duration::from_secs(20)).expect("the schema");
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut connection = match &at {
            Where::Sqlite(file) => {
                Either::Sqlite(SqliteConnection::establish(&file.to_string_lossy()).expect("a file"))
            }
            Where::Postgres(url) => Either::Postgres(PgConnection::establish(url).expect("a server")),
        };
        for rows in rows {
            connection.execute(rows);
        }
        if let Either::Postgres(_) = connection {
            // Few rows are sorted faster than an index is walked; of many it must be able to walk.
            connection.execute("ANALYZE; SET enable_seqscan = off; SET enable_sort = off");
        }
        let heard = said.clone();
        let listen = move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                heard.lock().unwrap().push(query.to_string());
            }
        };
        match &mut connection {
            Either::Sqlite(conn) => conn.set_instrumentation(listen),
            Either::Postgres(conn) => conn.set_instrumentation(listen),
        }
        Plans { connection, said, _database: database, directory }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.connection, Either::Sqlite(_))
    }

    pub fn allow_sorts(&mut self) {
        if let Either::Postgres(_) = self.connection {
            self.connection.execute("SET enable_sort = on");
        }
    }

    /// The plan of each statement that `read` sends.
    pub fn of<T>(&mut self, read: impl FnOnce(&mut Conn<'_>) -> Result<T, StoreError>) -> Vec<String> {
        self.said.lock().unwrap().clear();
        read(&mut self.connection.conn()).expect("the read succeeds");
        let said = std::mem::take(&mut *self.said.lock().unwrap());
        // Diesel's word for being in an empty list: nothing is looked at.
        let sent = said.iter().filter(|statement| !statement.contains("0=1") && !statement.contains("1=0"));
        sent.map(|statement| self.connection.plan(statement)).collect()
    }

    /// Fails unless the first statement that `read` sends walks `index`, and none looks at more than belongs to the page.
    pub fn expect_walk<T>(
        &mut self,
        list: &str,
        index: &str,
        read: impl FnOnce(&mut Conn<'_>) -> Result<T, StoreError>,
    ) {
        let index = match (&self.connection, index) {
            (Either::Sqlite(_), index) if index.ends_with("_pkey") => "PRIMARY KEY",
            (_, index) => index,
        };
        let plans = self.of(read);
        assert!(plans[0].contains(index), "{list} does not walk {index}:\n{}", plans[0]);
        for plan in &plans {
            for sign in NO_WALKS {
                assert!(
                    !without_increments(plan).contains(sign),
                    "{list} looks at all there is ({sign}):\n{plan}"
                );
            }
        }
        // SQLite does not say what it filters; there the index tells. PostgreSQL may know that it walks past few.
        let walks_past = plans[0].contains("Filter:") && !index.ends_with("_pkey");
        assert!(!walks_past, "{list} walks past what is not on its page:\n{}", plans[0]);
    }
}

impl Drop for Plans {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A sort of those alone that are equal by the index is none.
fn without_increments(plan: &str) -> String {
    plan.replace("Incremental Sort  (", "")
}

impl Either {
    fn conn(&mut self) -> Conn<'_> {
        match self {
            Either::Sqlite(conn) => Conn::Sqlite(conn),
            Either::Postgres(conn) => Conn::Postgres(conn),
        }
    }

    fn execute(&mut self, sql: &str) {
        let done = match self {
            Either::Sqlite(conn) => conn.batch_execute(sql),
            Either::Postgres(conn) => conn.batch_execute(sql),
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Of a statement as diesel shows it, `… WHERE id < ? LIMIT ? -- binds: [7, 51]`. SQLite plans it whatever its values are, and so
    /// it is asked without them: with them it would take an index that is of one kind of rows alone.
    fn plan(&mut self, said: &str) -> String {
        let sql = match self {
            Either::Sqlite(_) => {
                said.rsplit_once(" -- binds: ").expect("diesel says the values").0.to_owned()
            }
            Either::Postgres(_) => with_values(said),
        };
        let lines: Vec<String> = match self {
            Either::Sqlite(conn) => {
                let asked = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"));
                let lines: Vec<SqliteLine> =
                    asked.load(conn).unwrap_or_else(|error| panic!("{sql}: {error}"));
                lines.into_iter().map(|line| line.detail).collect()
            }
            Either::Postgres(conn) => {
                let asked = diesel::sql_query(format!("EXPLAIN {sql}"));
                let lines: Vec<Line> = asked.load(conn).unwrap_or_else(|error| panic!("{sql}: {error}"));
                lines.into_iter().map(|line| line.line).collect()
            }
        };
        format!("{}\n{sql}", lines.join("\n"))
    }
}

/// A statement as diesel shows it, `… WHERE id < ? LIMIT ? -- binds: [7, 51]`, with its values in their places.
fn with_values(statement: &str) -> String {
    let (sql, binds) = statement.rsplit_once(" -- binds: ").expect("diesel says the values");
    let values: Vec<String> = items(binds).into_iter().map(literal).collect();
    let mut whole = String::new();
    let mut next = 0;
    let mut rest = sql;
    while let Some(at) = rest.find(['?', '$']) {
        whole.push_str(&rest[..at]);
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[at + 1..at + 1 + digits].parse::<usize>().map_or(next, |number| number - 1);
        whole.push_str(&values[number]);
        next += 1;
        rest = &rest[at + 1 + digits..];
    }
    whole + rest
}

/// The items of `[…]`, as Rust shows a list.
fn items(list: &str) -> Vec<&str> {
    let inner = list.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).expect("a list");
    let (mut items, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (at, c) in inner.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' | '(' if !quoted => depth += 1,
            ']' | ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                items.push(inner[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(inner[start..].trim());
    items.retain(|item| !item.is_empty());
    items
}

fn literal(value: &str) -> String {
    match value.chars().next() {
        Some('[') if items(value).is_empty() => "'{}'".to_owned(),
        Some('[') => {
            format!("ARRAY[{}]", items(value).into_iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Some('"') => format!("'{}'", value.trim_matches('"')),
        // A time.
        Some(c) if c.is_ascii_digit() && value.contains(['T', ':']) => {
            format!("'{}'", value.replace('T', " "))
        }
        // A day.
        Some(c) if c.is_ascii_digit() && value.contains('-') => format!("'{value}'"),
        _ => value.to_owned(),
    }
}
