//! `admin/customers/{id}/export|erase` and the same for drivers: exports all data about one person, and erases it.

use crate::api::Context;
use crate::api::extract::Caller;
use crate::api::problem::Problem;
use crate::api::respond::{Answer, Answered, json};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::operators::{PersonErased, PersonExport};
use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::operations::people::{self, Erasing, Export, Person};
use crate::operations::{self};
use crate::store::{Conn, StoreError, Tx, personal};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_core::Stream;
use std::io;
use std::pin::Pin;
use std::task::{self, Poll};
use tokio::sync::mpsc;

/// Parts on their way to somebody who reads slowly: half a megabyte each.
const PARTS_MAX: usize = 2;

/// `GET admin/customers/{id}/export`.
pub async fn export_customer(
    ctx: web::Data<Context>,
    _: Caller,
    id: web::Path<CustomerId>,
) -> Answered<PersonExport> {
    export(ctx, Person::Customer(id.into_inner())).await
}

/// `GET admin/drivers/{id}/export`.
pub async fn export_driver(
    ctx: web::Data<Context>,
    _: Caller,
    id: web::Path<DriverId>,
) -> Answered<PersonExport> {
    export(ctx, Person::Driver(id.into_inner())).await
}

async fn export(ctx: web::Data<Context>, person: Person) -> Answered<PersonExport> {
    let at = ctx.clock.now();
    let export = ctx.database.read(move |conn| Export::of(conn, person, at)).await?;
    let (parts, body) = mpsc::channel(PARTS_MAX);
    // Ends with the last part, or once the reader is gone.
    actix_web::rt::spawn(send_parts(ctx, export, parts));
    let name = person.subject().to_string().replace(':', "-");
    let response = HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("Content-Disposition", format!("attachment; filename=\"{name}.json\"")))
        .streaming(Parts(body));
    Ok(Answer::of(response))
}

async fn send_parts(ctx: web::Data<Context>, mut export: Export, parts: mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let reading = move |conn: &mut Conn<'_>| {
            let mut next = export.clone();
            let part = next.part(conn)?;
            Ok::<_, StoreError>((next, part))
        };
        let (next, part) = match ctx.read(reading).await {
            Ok(read) => read,
            // A document that breaks off is none: the connection ends before it does.
            Err(problem) => {
                let _ = parts.send(Err(io::Error::other(problem.to_string()))).await;
                return;
            }
        };
        let Some(part) = part else { return };
        if parts.send(Ok(part.into())).await.is_err() {
            return;
        }
        export = next;
    }
}

struct Parts(mpsc::Receiver<io::Result<Bytes>>);

impl Stream for Parts {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// `POST admin/customers/{id}/erase`.
pub async fn erase_customer(
    ctx: web::Data<Context>,
    _: Caller,
    id: web::Path<CustomerId>,
) -> Answered<PersonErased> {
    erase(&ctx, Person::Customer(id.into_inner())).await
}

/// `POST admin/drivers/{id}/erase`.
pub async fn erase_driver(
    ctx: web::Data<Context>,
    _: Caller,
    id: web::Path<DriverId>,
) -> Answered<PersonErased> {
    erase(&ctx, Person::Driver(id.into_inner())).await
}

/// Works in repeatable steps: after any interruption the same request finishes it.
async fn erase(ctx: &Context, person: Person) -> Answered<PersonErased> {
    goes_on(ctx.write(move |tx| people::begin(tx, person)).await?)?;
    // Positions and confirmations that their app sent before its sockets were closed are still on their way into the
    // database.
    ctx.recorder.flush_positions().await;
    ctx.recorder.flush_marks().await;
    if let Person::Driver(driver) = person {
        ctx.recorder.forget(driver).await;
        let step = move |tx: &mut Tx<'_>| people::forget_positions(tx, driver);
        while ctx.database.write_bulk(step).await.map_err(operations::Error::from)? > 0 {}
    }
    let finished: Erasing = ctx.database.write(move |tx| people::finish(tx, person)).await?;
    goes_on(finished)?;
    if let Err(problem) = ctx.read(personal::write_back).await {
        log::warn!("the database's log still holds the erased data until it is overwritten: {problem}");
    }
    log::info!("person erased {}", person.subject());
    Ok(json(&PersonErased { person: person.subject().to_string(), erased: true }))
}

fn goes_on(erasing: Erasing) -> Result<(), Problem> {
    match erasing {
        Erasing::GoesOn => Ok(()),
        Erasing::OpenJobs(open) => {
            let open: Vec<String> = open.iter().map(JobId::to_string).collect();
            let detail = format!("Open jobs: {}. Complete or cancel them, then try again.", open.join(", "));
            Err(Problem::new(ErrorCode::OpenJobs, detail))
        }
    }
}
