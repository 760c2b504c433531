//! `admin/demo/restore`: restores the demo data, in development only.

use crate::api::Context;
use crate::api::extract::Caller;
use crate::api::respond::{Answered, json};
use crate::contracts::operators::DemoRestored;
use crate::operations::passwords::Password;
use crate::operations::seed;
use crate::store::reads;
use actix_web::web;
use uuid::Uuid;

/// More than there are demo accounts with a name.
const ACCOUNTS_MAX: i64 = 20;

/// `POST admin/demo/restore`: does the same as `fleetwire seed`, on a running server. It can be repeated.
pub async fn restore(ctx: web::Data<Context>, _: Caller) -> Answered<DemoRestored> {
    let hash = ctx.passwords.hash(Password::claimed(seed::DEMO_PASSWORD)).await?;
    // Needed only where the demo operator is gone, and others than this machine may be able to connect.
    let admin_hash = match ctx.settings.listen.is_loopback_only() {
        true => hash.clone(),
        false => ctx.passwords.hash(Password::claimed(Uuid::new_v4().simple().to_string())).await?,
    };
    ctx.write(move |tx| seed::seed(tx, &hash, &admin_hash)).await?;
    let accounts = ctx.read(|conn| reads::demo_accounts(conn, ACCOUNTS_MAX)).await?;
    let accounts = accounts.into_iter().map(|account| account.username).collect();
    Ok(json(&DemoRestored { accounts }))
}
