//! Records when log-ins were last used: once a minute for all of them, and behind all other work. No request waits for
//! it; a killed server loses the last minute.

use crate::actors::principals::Principals;
use crate::operations::{self, grants};
use crate::store::{Chain, Database};
use std::sync::Arc;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(60);
/// So many in one transaction: under 2 ms.
const BATCH: usize = 200;

pub async fn note(database: Database, principals: Arc<Principals>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let used: Vec<String> = principals.take_used().iter().map(ToString::to_string).collect();
        for some in used.chunks(BATCH) {
            let some = some.to_vec();
            let noted: Result<(), operations::Error> =
                database.write_bulk(move |tx| grants::note_use(tx, &some)).await;
            if let Err(error) = noted {
                log::warn!("the use of log-ins was not recorded: {}", Chain(&error));
            }
        }
    }
}
