//! How the domain's types are read from columns. The domain itself knows nothing of a database.

use crate::domain::candidate::PassedOver;
use crate::domain::currency::Currency;
use crate::domain::device::{DeviceId, Platform};
use crate::domain::driver::{DriverStatus, Wants};
use crate::domain::ids::{AccountId, CustomerId, DriverId, EventId, JobId, SearchId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::offer::OfferOutcome;
use crate::domain::payment::{PaymentMethod, PaymentStatus};
use crate::domain::push::PushToken;
use crate::domain::ride::RideId;
use crate::domain::role::Role;
use crate::domain::search_policy::Patience;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable};
use diesel::sql_types::{BigInt, SingleValue, Text};
use uuid::Uuid;

/// A UUID in a text column. Any other text is an error of the read: nobody must be taken for the owner of the nil UUID.
pub struct StoredUuid(Uuid);

impl From<StoredUuid> for Uuid {
    fn from(StoredUuid(id): StoredUuid) -> Self {
        id
    }
}

macro_rules! read_as {
    ($sql_type:ident, $raw:ty, $convert:expr => $($name:ty),+) => {$(
        impl<DB: Backend> FromSql<$sql_type, DB> for $name
        where
            $raw: FromSql<$sql_type, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let convert: fn($raw) -> deserialize::Result<Self> = $convert;
                convert(<$raw>::from_sql(bytes)?)
            }
        }

        impl<ST: SingleValue, DB: Backend> Queryable<ST, DB> for $name
        where
            Self: FromSql<ST, DB>,
        {
            type Row = Self;

            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }
    )+};
}

read_as!(BigInt, i64, |id| Ok(id.into()) => AccountId, CustomerId, DriverId, EventId, JobId, SearchId);
read_as!(Text, String, |word| Ok(Self::try_from(word)?) => DriverStatus, Wants, JobKind, JobStatus, OfferOutcome, PassedOver, Patience, Platform, RideId, Currency, PaymentMethod, PaymentStatus);
read_as!(BigInt, i64, |id| Ok(Self(id)) => DeviceId);
read_as!(Text, String, |text| Ok(Self::new(text)?) => PushToken);
read_as!(Text, String, |word| Ok(word.parse()?) => Role);
read_as!(Text, String, |text| Ok(Self(text.parse()?)) => StoredUuid);
