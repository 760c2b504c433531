//! The part of the table of settings that is about payments.

use super::Section::Payments;
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[new(
    Payments,
    "PAYMENT_WEBHOOK_SECRET",
    "",
    "The secret with which a payment service signs its requests to /api/v1/payments/webhook: its raw bytes, at least \
     32. Anyone who has it can mark jobs as paid. Name two, separated by a comma, while one replaces the other. Make \
     one with: openssl rand -base64 48",
)
.otherwise("the route does not exist")
.secret()];
