//! The meaning of Expo's answers: tickets by their place in the list, receipts by their id, and errors of a whole
//! request. Pure.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::domain::push::PushToken;
use crate::providers::wording::{printable, status_and};
use crate::providers::{Answer, Arrival, Receipt, Scope};

/// The consequence of an answer to a list of messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One for each.
    Each(Vec<Answer>),
    All(Answer),
    /// Refused as they are together: to be sent again in these groups, by place.
    Split(Vec<Vec<usize>>),
}

#[derive(Deserialize)]
struct Many {
    data: Vec<Ticket>,
}

/// For one message, Expo may leave the list out.
#[derive(Deserialize)]
struct One {
    data: Ticket,
}

#[derive(Deserialize)]
struct Ticket {
    status: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    error: Option<String>,
    expo_push_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    errors: Vec<RequestError>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RequestError {
    code: String,
    details: serde_json::Value,
}

#[derive(Deserialize)]
struct Receipts {
    data: HashMap<String, Ticket>,
}

pub(super) fn verdict(
    status: StatusCode,
    body: &[u8],
    retry_after: Option<Duration>,
    tokens: &[&PushToken],
) -> Verdict {
    if status.is_success()
        && let Some(tickets) = tickets(body)
    {
        return of_tickets(&tickets, tokens);
    }
    let errors = serde_json::from_slice::<Refused>(body).unwrap_or_default().errors;
    let error = errors.into_iter().next().unwrap_or_default();
    if error.code == "PUSH_TOO_MANY_EXPERIENCE_IDS" {
        return split(by_project(&error.details, tokens), status, &error.code);
    }
    match of_request(status, &error.code, retry_after) {
        // One bad message spoils the whole list: it is looked for by halves.
        Answer::Rejected { .. } if tokens.len() > 1 => split(halves(tokens.len()), status, &error.code),
        answer => Verdict::All(answer),
    }
}

/// The outcomes of messages that were accepted under these ids.
pub(super) fn receipts(
    status: StatusCode,
    body: &[u8],
    retry_after: Option<Duration>,
    ids: &[String],
) -> Result<Vec<Receipt>, Answer> {
    let said = status.is_success().then(|| serde_json::from_slice::<Receipts>(body).ok()).flatten();
    let Some(said) = said else {
        let errors = serde_json::from_slice::<Refused>(body).unwrap_or_default().errors;
        let code = errors.into_iter().next().unwrap_or_default().code;
        return Err(of_request(status, &code, retry_after));
    };
    let receipt = |id: &String| match said.data.get(id) {
        Some(receipt) if receipt.status == "ok" => Receipt::Known(Answer::Accepted { id: id.clone() }),
        Some(receipt) => Receipt::Known(of_error(receipt.details.as_ref())),
        None => Receipt::Unknown,
    };
    Ok(ids.iter().map(receipt).collect())
}

fn tickets(body: &[u8]) -> Option<Vec<Ticket>> {
    let many = serde_json::from_slice::<Many>(body).map(|many| many.data);
    many.or_else(|_| serde_json::from_slice::<One>(body).map(|one| vec![one.data])).ok()
}

/// Tickets belong to messages by their place alone, so where there are more or fewer, nobody knows which is whose. Expo has
/// taken them for all we know; but nothing may be lost, and a message that comes twice replaces itself.
fn of_tickets(tickets: &[Ticket], tokens: &[&PushToken]) -> Verdict {
    if tickets.len() != tokens.len() {
        let reason = format!("{} tickets for {} messages", tickets.len(), tokens.len()).into();
        let answer = Answer::Retry { reason, after: None, sent: Arrival::Maybe, scope: Scope::Service };
        return Verdict::All(answer);
    }
    Verdict::Each(tickets.iter().zip(tokens).map(|(ticket, token)| of_ticket(ticket, token)).collect())
}

fn of_ticket(ticket: &Ticket, token: &PushToken) -> Answer {
    if ticket.status == "ok" {
        return Answer::Accepted { id: ticket.id.clone().unwrap_or_default() };
    }
    let details = ticket.details.as_ref();
    let named = details.and_then(|details| details.expo_push_token.as_deref());
    if named.is_some_and(|named| named != token.as_str()) {
        return Answer::Rejected { reason: "Expo answered about another token".into() };
    }
    of_error(details)
}

/// Of a ticket or of a receipt. Their messages repeat the token, so only the code is used.
fn of_error(details: Option<&Details>) -> Answer {
    let code = details.and_then(|details| details.error.as_deref()).unwrap_or("an error without a code");
    let reason = printable(code);
    let retry = |scope| Answer::Retry { reason: reason.clone(), after: None, sent: Arrival::No, scope };
    match code {
        "DeviceNotRegistered" => Answer::Unregistered { since: None },
        "MessageRateExceeded" => retry(Scope::Message),
        "ExpoError" | "ProviderError" => retry(Scope::Message),
        // Expo's own credentials for Google or Apple: the other kind of device is not affected.
        "MismatchSenderId" | "InvalidCredentials" => Answer::Misconfigured { reason, scope: Scope::Message },
        _ => Answer::Rejected { reason },
    }
}

/// Of a whole request.
fn of_request(status: StatusCode, code: &str, retry_after: Option<Duration>) -> Answer {
    let reason = status_and(status, code);
    let retry =
        |sent| Answer::Retry { reason: reason.clone(), after: retry_after, sent, scope: Scope::Service };
    match (status.as_u16(), code) {
        (_, "UNAUTHORIZED") | (300..=399 | 401 | 403 | 404 | 405, _) => {
            Answer::Misconfigured { reason, scope: Scope::Service }
        }
        (429, _) | (_, "TOO_MANY_REQUESTS") => retry(Arrival::No),
        (503, _) => retry(Arrival::No),
        // A gateway that gave up may have handed them on.
        (408 | 500..=599, _) | (_, "INTERNAL_SERVER_ERROR") => retry(Arrival::Maybe),
        (200..=299, _) => retry(Arrival::Maybe),
        _ => Answer::Rejected { reason },
    }
}

/// In smaller groups; what is not smaller has no way to go.
fn split(groups: Vec<Vec<usize>>, status: StatusCode, code: &str) -> Verdict {
    let is_smaller = groups.len() > 1;
    if is_smaller {
        Verdict::Split(groups)
    } else {
        Verdict::All(Answer::Rejected { reason: status_and(status, code) })
    }
}

/// A request is for the tokens of one project; Expo says which belong together. Those it does not name go by themselves.
fn by_project(details: &serde_json::Value, tokens: &[&PushToken]) -> Vec<Vec<usize>> {
    let mut project_of: HashMap<&str, usize> = HashMap::new();
    let projects =
        details.as_object().map(|projects| projects.values().collect::<Vec<_>>()).unwrap_or_default();
    for (number, project) in projects.iter().enumerate() {
        let named = project.as_array().map(Vec::as_slice).unwrap_or_default();
        project_of.extend(named.iter().filter_map(|token| Some((token.as_str()?, number))));
    }
    let mut groups = vec![Vec::new(); projects.len() + 1];
    for (at, token) in tokens.iter().enumerate() {
        groups[project_of.get(token.as_str()).copied().unwrap_or(projects.len())].push(at);
    }
    groups.retain(|group| !group.is_empty());
    if groups.len() > 1 { groups } else { halves(tokens.len()) }
}

fn halves(count: usize) -> Vec<Vec<usize>> {
    let halves = [(0..count / 2).collect::<Vec<_>>(), (count / 2..count).collect()];
    halves.into_iter().filter(|half| !half.is_empty()).collect()
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
