//! The part of the table of settings that is about payments.

use super::Section::Payments;
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[new(
    Payments,
    "PAYMENT_WEBHOOK_SECRET",
    "",
    "What a payment service signs its requests to /api/v1/payments/webhook with, its raw bytes, at least 32. Whoever has it can \
     mark jobs as paid. Two, with a comma between them, while one is replaced by the other. Make one with: openssl rand -base64 48",
)
.otherwise("the route is not there")
.secret()];
