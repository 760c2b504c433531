//! Keeps statements prepared that diesel would not keep: each UPDATE, and each INSERT that updates on conflict. Parsing
//! one takes longer than running it, and on PostgreSQL one more round trip.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::LoadQuery;
use diesel::{QueryResult, RunQueryDsl};

/// See [`Prepare::prepared`].
pub struct Prepared<Q>(Q);

/// The statements that can be kept: all with RETURNING.
pub trait Prepare: Query + Sized {
    /// Keeps the statement prepared for as long as its connection lives. Only for those that come in few texts; a value is not
    /// part of the text, but which columns are set is.
    fn prepared(self) -> Prepared<Self> {
        Prepared(self)
    }
}

impl<Q: Query> Prepare for Q {}

impl<Q> Prepared<Q> {
    /// Runs the statement and returns how many rows it changed: it has to return an integer of each. Not diesel's `execute`, which
    /// asks a reference whether it may be kept, and that answer can't be given here.
    pub fn execute<'query, C>(self, conn: &mut C) -> QueryResult<usize>
    where
        Self: LoadQuery<'query, C, i64>,
    {
        self.load::<i64>(conn).map(|changed| changed.len())
    }
}

impl<Q, C> RunQueryDsl<C> for Prepared<Q> {}

impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q: QueryId> QueryId for Prepared<Q> {
    type QueryId = Q::QueryId;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q, DB> QueryFragment<DB> for Prepared<Q>
where
    DB: Backend,
    Q: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::push_preferences as preferences;
    use diesel::connection::{InstrumentationEvent, SimpleConnection};
    use diesel::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const TABLE: &str = "CREATE TABLE push_preferences (customer_id BIGINT PRIMARY KEY, opt_out TEXT NOT NULL); \
                         INSERT INTO push_preferences VALUES (1, ''), (2, ''), (3, '')";

    fn connection() -> (SqliteConnection, Arc<AtomicUsize>) {
        let mut conn = SqliteConnection::establish(":memory:").expect("in memory");
        conn.batch_execute(TABLE).expect("a table");
        let kept = Arc::new(AtomicUsize::new(0));
        conn.set_instrumentation({
            let kept = kept.clone();
            move |event: InstrumentationEvent<'_>| {
                if let InstrumentationEvent::CacheQuery { .. } = event {
                    kept.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        (conn, kept)
    }

    #[test]
    fn an_update_is_prepared_once_and_counts_its_rows() {
        let (mut conn, kept) = connection();
        let mut set = |from: i64, types: &str| {
            diesel::update(preferences::table.filter(preferences::customer_id.ge(from)))
                .set(preferences::opt_out.eq(types))
                .returning(preferences::customer_id)
                .prepared()
                .execute(&mut conn)
        };
        assert_eq!((set(2, "ride"), set(1, "chat"), set(4, "")), (Ok(2), Ok(3), Ok(0)));
        assert_eq!(kept.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn an_insert_that_updates_on_conflict_is_prepared_once() {
        let (mut conn, kept) = connection();
        let mut put = |customer: i64, types: &str| {
            let row = (preferences::customer_id.eq(customer), preferences::opt_out.eq(types));
            diesel::insert_into(preferences::table)
                .values(row)
                .on_conflict(preferences::customer_id)
                .do_update()
                .set(preferences::opt_out.eq(types))
                .returning(preferences::customer_id)
                .prepared()
                .execute(&mut conn)
        };
        assert_eq!((put(3, "ride"), put(4, "ride")), (Ok(1), Ok(1)));
        assert_eq!(kept.load(Ordering::SeqCst), 1);
        let opted_out =
            preferences::table.filter(preferences::opt_out.eq("ride")).select(preferences::customer_id);
        assert_eq!(opted_out.load::<i64>(&mut conn), Ok(vec![3, 4]));
    }

    #[test]
    fn a_failure_is_told_as_ever() {
        let (mut conn, _) = connection();
        let outcome = diesel::update(preferences::table.find(1))
            .set(preferences::customer_id.eq(2))
            .returning(preferences::customer_id)
            .prepared()
            .execute(&mut conn);
        let is_unique = matches!(
            outcome,
            Err(diesel::result::Error::DatabaseError(diesel::result::DatabaseErrorKind::UniqueViolation, _))
        );
        assert!(is_unique, "{outcome:?}");
    }
}
