//! `admin/operators` and `admin/programs`: the people and programs that run the fleet. An operator is made with a
//! password, a program with tokens.

use super::account_patch;
use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::input::Once;
use crate::api::operators::id_cursor;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request, Sent};
use crate::api::respond::{Answered, CREATED, OK, decide, json, page, page_limit};
use crate::api::rules::Rule;
use crate::api::{Context, rules};
use crate::contracts::access::{OperatorItem, ProgramItem, TokenMade};
use crate::contracts::operators::Page;
use crate::contracts::time::WireTime;
use crate::domain::ids::AccountId;
use crate::domain::role::Role;
use crate::domain::username::Username;
use crate::operations::accounts::{self, AccountPatch, Person};
use crate::operations::authentication::principal_of;
use crate::operations::passwords::Password;
use crate::operations::staff::{self, Staff, StaffPatch};
use crate::operations::tokens::Subject;
use crate::operations::{Refusal, grants};
use crate::store::Account;
use actix_web::web;
use chrono::TimeDelta;
use uuid::Uuid;

/// A token that nobody said an end for is good for a quarter of a year …
const TOKEN_TTL_SECS: usize = 90 * 86_400;
/// … and none for more than ten years.
const TOKEN_TTL_SECS_MAX: usize = 3650 * 86_400;

/// `POST admin/operators`.
pub async fn create(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    once: Once,
    body: Sent<NewOperator>,
) -> Answered<OperatorItem, 201> {
    let NewOperator { mut person, password, role } = body.read()?;
    person.password_hash = Some(ctx.passwords.hash(password).await?);
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, CREATED, move |tx| {
        let (_, public_id) = accounts::create_account(tx, &person, role)?;
        let made = staff::find(tx.conn(), public_id, Staff::Operator)?;
        let made = made.ok_or(Refusal::NotFound("operator"))?;
        Ok(operator(made))
    })
    .await
}

/// The input of `POST admin/operators`.
pub struct NewOperator {
    person: Person,
    password: Password,
    role: Role,
}

impl Request for NewOperator {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.refuse_ours(&["user_id"]);
        let username = fields.required("username", rules::username());
        let name = fields.required("name", rules::name());
        let phone_number =
            fields.optional("phone_number", rules::unless_empty(rules::phone_number())).flatten();
        let password = fields.required("password", rules::password());
        let role = fields.optional_or("role", operators_role(), Role::Admin);
        let username = username?.into_string();
        let person = Person { username, name: name?, phone_number, password_hash: None, is_demo: false };
        Some(Self { person, password: password?, role })
    }
}

fn operators_role() -> impl Rule<Role> {
    role_among(&[Role::Admin, Role::Dispatcher, Role::Viewer])
}

/// No program is an admin: nobody would see it log in.
fn programs_role() -> impl Rule<Role> {
    role_among(&[Role::Service, Role::Dispatcher, Role::Viewer])
}

fn role_among(roles: &[Role]) -> impl Rule<Role> + use<> {
    rules::word(roles.iter().map(|role| (role.as_str(), *role)).collect::<Vec<_>>())
}

/// The query of the lists of operators and of programs.
pub struct StaffAsked {
    after: AccountId,
    limit: usize,
}

impl Request for StaffAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (after, limit) = (id_cursor(fields), page_limit(fields));
        Some(Self { after: after.unwrap_or(AccountId(0)), limit })
    }
}

/// `GET admin/operators`: as they were made.
pub async fn list(
    ctx: web::Data<Context>,
    _: Caller,
    query: Asked<StaffAsked>,
) -> Answered<Page<OperatorItem>> {
    list_of(&ctx, &query, Staff::Operator, operator).await
}

/// `GET admin/operators/{user_id}`.
pub async fn show(ctx: web::Data<Context>, _: Caller, id: web::Path<Uuid>) -> Answered<OperatorItem> {
    Ok(json(&operator(found(&ctx, *id, Staff::Operator).await?)))
}

/// The input of `PATCH admin/operators/{user_id}`.
pub struct OperatorChange {
    patch: StaffPatch,
    password: Option<Password>,
}

impl Request for OperatorChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (account, password) = account_patch(fields);
        let patch = StaffPatch { account, role: fields.optional("role", operators_role()) };
        Some(Self { patch, password })
    }
}

/// `PATCH admin/operators/{user_id}`.
pub async fn change(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<Uuid>,
    once: Once,
    body: Sent<OperatorChange>,
) -> Answered<OperatorItem> {
    let OperatorChange { mut patch, password } = body.read()?;
    if let Some(password) = password {
        patch.account.password_hash = Some(ctx.passwords.hash(password).await?);
    }
    let (by, id, key) = (caller.account, *id, once.key(&ctx, &caller, &body));
    decide(&ctx, key, OK, move |tx| Ok(operator(staff::patch(tx, Some(by), id, Staff::Operator, &patch)?)))
        .await
}

/// The input of `POST admin/programs`.
pub struct NewProgram {
    name: Username,
    role: Role,
}

impl Request for NewProgram {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name", rules::username());
        let role = fields.optional_or("role", programs_role(), Role::Service);
        Some(Self { name: name?, role })
    }
}

/// `POST admin/programs`: a program, or the one of that name.
pub async fn create_program(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    once: Once,
    body: Sent<NewProgram>,
) -> Answered<ProgramItem, 201> {
    let NewProgram { name, role } = body.read()?;
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, CREATED, move |tx| {
        let id = accounts::service(tx, &name, role)?.public_id;
        let made = staff::find(tx.conn(), id, Staff::Program)?.ok_or(Refusal::NotFound("program"))?;
        Ok(program(made))
    })
    .await
}

/// `GET admin/programs`: as they were made.
pub async fn list_programs(
    ctx: web::Data<Context>,
    _: Caller,
    query: Asked<StaffAsked>,
) -> Answered<Page<ProgramItem>> {
    list_of(&ctx, &query, Staff::Program, program).await
}

/// `GET admin/programs/{user_id}`.
pub async fn show_program(ctx: web::Data<Context>, _: Caller, id: web::Path<Uuid>) -> Answered<ProgramItem> {
    Ok(json(&program(found(&ctx, *id, Staff::Program).await?)))
}

/// The input of `PATCH admin/programs/{user_id}`.
pub struct ProgramChange(StaffPatch);

impl Request for ProgramChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let account = AccountPatch {
            name: fields.optional("name", rules::name()),
            suspended: fields.optional("suspended", rules::flag()),
            ..AccountPatch::default()
        };
        Some(Self(StaffPatch { account, role: None }))
    }
}

/// `PATCH admin/programs/{user_id}`.
pub async fn change_program(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<Uuid>,
    once: Once,
    body: Sent<ProgramChange>,
) -> Answered<ProgramItem> {
    let ProgramChange(patch) = body.read()?;
    let (by, id, key) = (caller.account, *id, once.key(&ctx, &caller, &body));
    decide(&ctx, key, OK, move |tx| Ok(program(staff::patch(tx, Some(by), id, Staff::Program, &patch)?)))
        .await
}

/// The input of `POST admin/programs/{user_id}/tokens`.
pub struct NewToken {
    name: String,
    lifetime: TimeDelta,
}

impl Request for NewToken {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name", rules::name());
        let ttl_secs =
            fields.optional_or("ttl_secs", rules::whole_in(1..=TOKEN_TTL_SECS_MAX), TOKEN_TTL_SECS);
        let lifetime = TimeDelta::seconds(ttl_secs as i64);
        Some(Self { name: name?, lifetime })
    }
}

/// `POST admin/programs/{user_id}/tokens`: the token is in the answer and nowhere else, so there is no key to ask again with.
pub async fn make_token(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    program: web::Path<Uuid>,
    body: Sent<NewToken>,
) -> Answered<TokenMade, 201> {
    let NewToken { name, lifetime } = body.read()?;
    let (program, id, called) = (*program, Uuid::new_v4(), name.clone());
    let (principal, issued_at) = ctx
        .write(move |tx| {
            let found = staff::find(tx.conn(), program, Staff::Program)?;
            let found = found.filter(|account| !account.is_suspended);
            let principal = principal_of(tx.conn(), found.ok_or(Refusal::NotFound("program"))?)?;
            let issued_at = principal.issue_time(tx.now());
            grants::note_token(tx, principal.account, id, &called, issued_at + lifetime)?;
            Ok((principal, issued_at))
        })
        .await?;
    let subject = Subject { session: Some(id), ..principal.subject() };
    let token = ctx.tokens.issue_until(&subject, issued_at, issued_at + lifetime, id).text;
    log::info!("token made account={} session={id} by={}", principal.account, caller.account);
    let made = TokenMade { session_id: id, name, token, expires_at: WireTime(issued_at + lifetime) };
    Ok(json(&made).secret())
}

async fn list_of<Item: serde::Serialize>(
    ctx: &Context,
    query: &Asked<StaffAsked>,
    kind: Staff,
    item: impl Fn(Account) -> Item,
) -> Answered<Page<Item>> {
    let StaffAsked { after, limit } = query.read()?;
    let rows = ctx.read(move |conn| staff::page(conn, kind, after, limit as i64 + 1)).await?;
    Ok(json(&page(rows, limit, |account| account.id.to_string(), item)))
}

async fn found(ctx: &Context, id: Uuid, kind: Staff) -> Result<Account, Problem> {
    let found = ctx.read(move |conn| staff::find(conn, id, kind)).await?;
    found.ok_or_else(|| Problem::not_found(kind.as_str()))
}

fn operator(account: Account) -> OperatorItem {
    OperatorItem {
        user_id: account.public_id.to_string(),
        name: account.name,
        username: account.username,
        phone_number: account.phone_number,
        role: account.role,
        suspended: account.is_suspended,
    }
}

fn program(account: Account) -> ProgramItem {
    ProgramItem {
        user_id: account.public_id.to_string(),
        name: account.name,
        role: account.role,
        suspended: account.is_suspended,
    }
}
