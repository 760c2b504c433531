//! Operators and programs: an operator's changes to them. Also the actions on any account: letting it in again, and its
//! password.

use crate::domain::audit::Subject;
use crate::domain::ids::AccountId;
use crate::domain::role::Role;
use crate::operations::accounts::{self, AccountPatch, PROGRAM};
use crate::operations::customers::{self, CustomerPatch};
use crate::operations::driver_changes::{self, DriverPatch};
use crate::operations::error::{Error, Refusal};
use crate::operations::{grants, log_ins, second_factors};
use crate::store::{Account, Conn, StoreError, Tx, sql};
use chrono::TimeDelta;
use uuid::Uuid;

/// How long a one-time password is good: over a weekend.
pub const ONE_TIME_FOR: TimeDelta = TimeDelta::hours(72);

/// The people and programs that run the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staff {
    Operator,
    /// It has no password, and a user name that nobody registers.
    Program,
}

impl Staff {
    pub const fn as_str(self) -> &'static str {
        match self {
            Staff::Operator => "operator",
            Staff::Program => "program",
        }
    }

    fn of(account: &Account) -> Option<Self> {
        match (account.username.starts_with(PROGRAM), account.role.is_operator()) {
            (true, _) => Some(Staff::Program),
            (false, true) => Some(Staff::Operator),
            (false, false) => None,
        }
    }
}

/// Changes to an operator or a program; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default)]
pub struct StaffPatch {
    pub account: AccountPatch,
    /// An operator's new role. Their sessions name the old one, and end.
    pub role: Option<Role>,
}

/// An account of one kind.
pub fn find(conn: &mut Conn<'_>, id: Uuid, kind: Staff) -> Result<Option<Account>, StoreError> {
    let found = sql!(conn, accounts::by_public_id(&id.to_string()))?;
    Ok(found.filter(|account| Staff::of(account) == Some(kind)))
}

/// Anybody who may be let in; guests are nobody.
pub fn anybody(conn: &mut Conn<'_>, id: Uuid) -> Result<Option<Account>, StoreError> {
    let found = sql!(conn, accounts::by_public_id(&id.to_string()))?;
    Ok(found.filter(|account| !account.is_guest))
}

/// Those of a kind, ascending by id, after `after`.
pub fn page(
    conn: &mut Conn<'_>,
    kind: Staff,
    after: AccountId,
    limit: i64,
) -> Result<Vec<Account>, StoreError> {
    const ROLES: [&str; 4] =
        [Role::Admin.as_str(), Role::Dispatcher.as_str(), Role::Viewer.as_str(), Role::Service.as_str()];
    sql!(conn, accounts::of_roles(&ROLES, kind == Staff::Program, after, limit))
}

/// Changes an operator or a program. `by` is the operator who does, where it is one. Suspending takes effect as it does with
/// drivers; the last operator who may administer can neither be suspended nor made something else.
pub fn patch(
    tx: &mut Tx<'_>,
    by: Option<AccountId>,
    id: Uuid,
    kind: Staff,
    patch: &StaffPatch,
) -> Result<Account, Error> {
    let account = find(tx.conn(), id, kind)?.ok_or(Refusal::NotFound(kind.as_str()))?;
    tx.concerns(Subject::account(account.id));
    let role = patch.role.filter(|role| *role != account.role);
    if patch.account.suspended == Some(true) || role.is_some() {
        leave_an_admin(tx, account.id)?;
    }
    if patch.account.password_hash.is_some() && by == Some(account.id) {
        return Err(Refusal::OwnPassword.into());
    }
    accounts::change(tx, account.id, &patch.account)?;
    if let Some(role) = role {
        sql!(tx, accounts::set_role(account.id, role))?;
        grants::revoke_all(tx, account.id, None)?;
    }
    Ok(sql!(tx, accounts::find(account.id))?.ok_or(Refusal::NotFound(kind.as_str()))?)
}

/// Refuses what would leave nobody who may administer: `account` is about to lose that. All operators' rows are locked, so that
/// two of them can't suspend each other.
pub fn leave_an_admin(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Error> {
    let admins = sql!(tx, accounts::lock_those_let_in(Role::Admin))?;
    match admins == [account] {
        true => Err(Refusal::LastAdmin.into()),
        false => Ok(()),
    }
}

/// Suspends anybody, or lets them in again.
pub fn set_suspended(tx: &mut Tx<'_>, id: Uuid, suspended: bool) -> Result<Account, Error> {
    let account = anybody(tx.conn(), id)?.ok_or(Refusal::NotFound("account"))?;
    let change = AccountPatch { suspended: Some(suspended), ..AccountPatch::default() };
    let driver = sql!(tx, drivers::by_account(account.id))?;
    let customer = sql!(tx, customers::by_account(account.id))?;
    match (driver, customer) {
        (Some(driver), _) => {
            let change = DriverPatch { account: change, ..DriverPatch::default() };
            driver_changes::patch(tx, driver.id, &change)?;
        }
        (None, Some(customer)) => {
            let change = CustomerPatch { account: change, ..CustomerPatch::default() };
            customers::patch(tx, customer.id, &change)?;
        }
        (None, None) => {
            let kind = Staff::of(&account).ok_or(Refusal::NotFound("account"))?;
            let change = StaffPatch { account: change, role: None };
            patch(tx, None, id, kind, &change)?;
        }
    }
    if !suspended {
        log_ins::unlock(tx, account.id)?;
    }
    Ok(account)
}

/// A password that is good for one time: 16 of 31 characters that nobody mistakes for one another, as random as `chance`.
pub fn one_time_password(chance: Uuid) -> String {
    const LETTERS: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut rest = chance.as_u128();
    let mut text = String::with_capacity(19);
    for place in 0..16 {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(LETTERS[(rest % 31) as usize]));
        rest /= 31;
    }
    text
}

/// Gives somebody another password and ends their sessions. One for one time is good for setting another one, nothing else.
pub fn reset_password(
    tx: &mut Tx<'_>,
    by: Option<AccountId>,
    id: Uuid,
    hash: &str,
    is_one_time: bool,
) -> Result<Account, Error> {
    let found = anybody(tx.conn(), id)?.filter(|account| Staff::of(account) != Some(Staff::Program));
    let account = found.ok_or(Refusal::NotFound("account with a password"))?;
    if by == Some(account.id) {
        return Err(Refusal::OwnPassword.into());
    }
    tx.concerns(Subject::account(account.id));
    let until = is_one_time.then(|| tx.at() + ONE_TIME_FOR);
    sql!(tx, accounts::set_password(account.id, hash, until))?;
    log_ins::unlock(tx, account.id)?;
    grants::revoke_all(tx, account.id, None)?;
    Ok(account)
}

/// Takes somebody's second factor away, and ends their sessions.
pub fn reset_second_factor(tx: &mut Tx<'_>, by: Option<AccountId>, id: Uuid) -> Result<Account, Error> {
    let found = anybody(tx.conn(), id)?.filter(|account| Staff::of(account) == Some(Staff::Operator));
    let account = found.ok_or(Refusal::NotFound("operator"))?;
    if by == Some(account.id) {
        return Err(Refusal::OwnFactor.into());
    }
    tx.concerns(Subject::account(account.id));
    second_factors::reset(tx, account.id)?;
    grants::revoke_all(tx, account.id, None)?;
    Ok(account)
}

/// Somebody gives themself another password. The old one was compared with `account` as it was read; all other sessions than
/// `log_in` end.
pub fn change_own_password(
    tx: &mut Tx<'_>,
    account: &Account,
    hash: &str,
    log_in: Option<Uuid>,
) -> Result<(), Error> {
    let current = sql!(tx, accounts::lock(account.id))?.ok_or(Refusal::WrongPassword)?;
    if current.password_hash != account.password_hash {
        return Err(Refusal::WrongPassword.into());
    }
    sql!(tx, accounts::set_password(account.id, hash, None))?;
    grants::revoke_all(tx, account.id, log_in)
}
