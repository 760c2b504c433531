//! `.env.example`, made from the table of settings.

use super::table::{SETTINGS, Setting};

const COLUMNS: usize = 100;

const HEAD: &str = "\
# Fleetwire's settings. Copy this file to .env and change what should differ: every line shows its default.
# Environment variables take precedence over .env. An empty value is the same as none.
# A value may be in 'single' or in \"double\" quotes; nothing in it is substituted.
";

/// The text of `.env.example`.
pub fn env_example() -> String {
    let mut text = HEAD.to_owned();
    let mut section = None;
    for setting in SETTINGS.iter() {
        if section != Some(setting.section) {
            section = Some(setting.section);
            text.push_str(&format!("\n# --- {} ---\n", setting.section.title()));
        }
        text.push('\n');
        push_wrapped(&mut text, setting.meaning);
        push_wrapped(&mut text, &defaults_sentence(setting));
        text.push_str(&format!("#{}={}\n", setting.name, setting.default));
    }
    text
}

/// `Seconds. Default: 300. In production: 60.`
fn defaults_sentence(setting: &Setting) -> String {
    let or_otherwise = |value: &'static str| if value.is_empty() { setting.otherwise } else { value };
    let mut sentence = String::new();
    if !setting.unit.is_empty() {
        sentence.push_str(&format!("Unit: {}. ", setting.unit));
    }
    sentence.push_str(&format!("Default: {}.", or_otherwise(setting.default)));
    if let Some(exposed) = setting.exposed {
        sentence.push_str(&format!(" Listening beyond loopback: {}.", or_otherwise(exposed)));
    }
    if let Some(production) = setting.production {
        sentence.push_str(&format!(" In production: {}.", or_otherwise(production)));
    }
    sentence
}

fn push_wrapped(text: &mut String, sentence: &str) {
    let mut column = 0;
    for word in sentence.split_whitespace() {
        if column == 0 || column + 1 + word.len() > COLUMNS {
            text.push_str(if column == 0 { "#" } else { "\n#" });
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + word.len();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::env_file;
    use super::super::table::setting;
    use super::*;

    /// After a change of the table: `UPDATE_ENV_EXAMPLE=1 cargo test --lib env_example`.
    #[test]
    fn env_example_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example");
        if std::env::var_os("UPDATE_ENV_EXAMPLE").is_some() {
            std::fs::write(path, env_example()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            env_example(),
            "set UPDATE_ENV_EXAMPLE=1 to write it"
        );
    }

    #[test]
    fn env_example_reads_as_a_settings_file_that_says_nothing_and_with_defaults_when_uncommented() {
        assert_eq!(env_file::parse(&env_example()).unwrap().len(), 0);
        for line in env_example().lines().filter(|line| line.starts_with('#') && !line.starts_with("# ")) {
            let variables = env_file::parse(&line[1..]).unwrap();
            let (name, value) = variables.iter().next().unwrap();
            assert_eq!(value, setting(name).default, "{name}");
        }
        // A default can't be wrapped.
        let is_value = |line: &str| line.starts_with('#') && !line.starts_with("# ");
        assert!(env_example().lines().all(|line| is_value(line) || line.len() <= 120));
    }
}
