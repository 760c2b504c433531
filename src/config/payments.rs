//! The settings of payments.

use super::push::SecretText;
use super::reader::Reader;
use super::secret::SECRET_BYTES_MIN;

/// A secret is replaced by having both for a while.
const SECRETS_MAX: usize = 2;

/// The service that may report payments to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentSettings {
    /// Either of them is good; none: nobody may.
    pub webhook_secrets: Vec<SecretText>,
}

pub(super) fn payments(reader: &mut Reader<'_>) -> PaymentSettings {
    PaymentSettings {
        webhook_secrets: reader.optional("PAYMENT_WEBHOOK_SECRET", secrets).unwrap_or_default(),
    }
}

fn secrets(text: &str) -> Result<Vec<SecretText>, String> {
    let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
    match secrets.len() <= SECRETS_MAX && secrets.iter().all(|secret| secret.len() >= SECRET_BYTES_MIN) {
        true => Ok(secrets.into_iter().map(SecretText::new).collect()),
        false => Err(format!(
            "one or two secrets of at least {SECRET_BYTES_MIN} bytes, with a comma between them, such as the output of: \
             openssl rand -base64 48"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_secret_or_two_of_enough_bytes() {
        let (one, other) = ("a".repeat(32), "b".repeat(40));
        assert_eq!(secrets(&one).map(|list| list.len()), Ok(1));
        assert_eq!(
            secrets(&format!("{one}, {other}")).map(|list| list[1].as_str().to_owned()),
            Ok(other.clone())
        );
        for wrong in ["short".to_owned(), format!("{one},"), format!("{one},{other},{one}")] {
            let refused = secrets(&wrong).unwrap_err();
            assert!(refused.contains("32 bytes") && !refused.contains("aaa"), "{refused}");
        }
    }
}
