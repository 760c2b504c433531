//! The push contract's own shape of a refusal, `{"success":false,"message"}`, converted from the usual answer: so its
//! handlers are like all others, and failures on the way to them have the same shape.

use crate::api::problem::Problem;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::push::Done;
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};

/// Paths below it have the shape.
pub const ROOT: &str = "/api/Push/";

/// Gives a refusal the contract's shape, with the same status and headers; a wrong field is a 400 there.
pub fn reshaped(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return response;
    }
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    let (status, message) = match problem {
        Some(problem) => (status_of(problem.code()), problem.detail().to_owned()),
        None => (response.status(), default_message(response.status()).to_owned()),
    };
    let mut reshaped = HttpResponse::build(status).json(Done { success: false, message: &message });
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            reshaped.headers_mut().append(name.clone(), value.clone());
        }
    }
    response.into_response(reshaped)
}

pub fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidFields => StatusCode::BAD_REQUEST,
        other => StatusCode::from_u16(other.status()).unwrap_or(StatusCode::BAD_REQUEST),
    }
}

/// For what is answered before there is a problem to ask.
fn default_message(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is no such page.",
        StatusCode::METHOD_NOT_ALLOWED => "The resource has other methods; Allow lists them.",
        StatusCode::SERVICE_UNAVAILABLE => "The server is stopping.",
        _ => "The request was refused.",
    }
}
