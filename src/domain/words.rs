//! Enums that are one word each on the wire and in the database: the macro by which all of them are made, so that none
//! can write a word that it does not read.

/// Makes an enum of words. It has `ALL`, in the order of the table; `as_str` and `Display`, which write the word;
/// `parse` and `TryFrom<String>`, which read it as it is written and nothing else; and the same for serde and for JSON
/// Schema.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
            schemars::JsonSchema,
        )]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            pub const ALL: [$name; [$($word),+].len()] = [$($name::$variant),+];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// `None` for any other word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|known| known.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(word: String) -> Result<Self, String> {
                Self::parse(&word).ok_or_else(|| format!("unknown word for {}: {word}", stringify!($name)))
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    words! {
        /// An example.
        Signal {
            Red = "red",
            /// Of some countries.
            RedAndAmber = "red_and_amber",
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        assert_eq!(Signal::ALL, [Signal::Red, Signal::RedAndAmber]);
        for signal in Signal::ALL {
            let word = signal.to_string();
            assert_eq!(word, signal.as_str());
            assert_eq!(Signal::parse(&word), Some(signal));
            assert_eq!(serde_json::to_value(signal).unwrap(), word);
            assert_eq!(serde_json::from_value::<Signal>(word.clone().into()).unwrap(), signal);
            assert_eq!(Signal::try_from(word), Ok(signal));
        }
        assert_eq!(Signal::parse("Red"), None);
        assert_eq!(Signal::try_from("blue".to_owned()), Err("unknown word for Signal: blue".to_owned()));
    }
}
