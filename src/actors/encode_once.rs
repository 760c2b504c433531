//! A message to many sessions is encoded once for each contract among them.

use crate::contracts::Contract;
use bytestring::ByteString;

/// The texts so far; `None` for a contract that has no such message.
#[derive(Default)]
pub struct EncodeOnce(Vec<(Contract, Option<ByteString>)>);

impl EncodeOnce {
    pub fn text(
        &mut self,
        contract: Contract,
        write: impl FnOnce(Contract) -> Option<String>,
    ) -> Option<ByteString> {
        if let Some((_, text)) = self.0.iter().find(|(known, _)| *known == contract) {
            return text.clone();
        }
        let text = write(contract).map(ByteString::from);
        self.0.push((contract, text.clone()));
        text
    }
}
