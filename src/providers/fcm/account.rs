//! The service account that sends through FCM, from single settings or from the file that Google issues.

use serde::Deserialize;

use crate::config::push::{BaseUrl, FcmCredentials, FcmSettings, SecretText};
use crate::providers::problem::ProviderProblem;

const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

#[derive(Debug, Clone)]
pub(super) struct ServiceAccount {
    pub project_id: String,
    pub client_email: String,
    pub private_key: SecretText,
    pub key_id: Option<String>,
    pub token_url: BaseUrl,
    /// Where the key comes from.
    pub key_setting: &'static str,
}

/// The fields in use of Google's file.
#[derive(Deserialize)]
struct AccountFile {
    project_id: Option<String>,
    private_key_id: Option<String>,
    private_key: String,
    client_email: String,
    token_uri: Option<String>,
}

impl ServiceAccount {
    pub(super) fn load(settings: &FcmSettings) -> Result<Self, ProviderProblem> {
        let token_url = settings.token_url.clone();
        match &settings.credentials {
            FcmCredentials::Given { project_id, client_email, private_key } => Ok(ServiceAccount {
                project_id: project_id.clone(),
                client_email: client_email.clone(),
                private_key: private_key.clone(),
                key_id: None,
                token_url: token_url.unwrap_or_else(google),
                key_setting: "FIREBASE_PRIVATE_KEY",
            }),
            FcmCredentials::File { path, project_id } => {
                let unreadable = |source| ProviderProblem::File { setting: FILE, source };
                let text = std::fs::read_to_string(path).map_err(unreadable)?;
                Self::of_file(&text, project_id.clone(), token_url)
            }
        }
    }

    fn of_file(
        text: &str,
        project_id: Option<String>,
        token_url: Option<BaseUrl>,
    ) -> Result<Self, ProviderProblem> {
        let wrong = |what: &str| ProviderProblem::Account { setting: FILE, what: what.to_owned() };
        // serde_json's own message would quote what it stumbled over.
        let file: AccountFile = serde_json::from_str(text)
            .map_err(|_| wrong("no JSON object with client_email and private_key, as Google gives it out"))?;
        let from_file = file.token_uri.as_deref().map(BaseUrl::parse).transpose();
        let from_file = from_file.map_err(|_| wrong("a token_uri that is no URL"))?;
        Ok(ServiceAccount {
            project_id: project_id
                .or(file.project_id)
                .ok_or_else(|| wrong("no project_id; set FIREBASE_PROJECT_ID"))?,
            client_email: file.client_email,
            private_key: SecretText::new(file.private_key),
            key_id: file.private_key_id,
            token_url: token_url.or(from_file).unwrap_or_else(google),
            key_setting: FILE,
        })
    }
}

fn google() -> BaseUrl {
    BaseUrl::parse(TOKEN_URL).expect("Google's address is one")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = r#"{"type": "service_account", "project_id": "of-file", "private_key_id": "kid",
        "private_key": "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
        "client_email": "push@of-file.example", "token_uri": "https://tokens.example/token"}"#;

    #[test]
    fn the_file_says_who_we_are_and_settings_go_before_it() {
        let account = ServiceAccount::of_file(ACCOUNT, None, None).unwrap();
        assert_eq!(
            (account.project_id.as_str(), account.token_url.as_str()),
            ("of-file", "https://tokens.example/token")
        );
        assert_eq!(account.key_id.as_deref(), Some("kid"));
        let proxy = BaseUrl::parse("http://127.0.0.1:9/token").unwrap();
        let account = ServiceAccount::of_file(ACCOUNT, Some("set".to_owned()), Some(proxy.clone())).unwrap();
        assert_eq!((account.project_id.as_str(), account.token_url), ("set", proxy));
        assert!(!format!("{:?}", ServiceAccount::of_file(ACCOUNT, None, None)).contains("AA=="));
    }

    #[test]
    fn a_file_that_is_none_is_said_without_showing_it() {
        for text in
            ["", "[]", "{\"private_key\": \"hunter2\"}", &ACCOUNT.replace("https://tokens.example", "tokens")]
        {
            let problem = ServiceAccount::of_file(text, None, None).unwrap_err().to_string();
            assert!(problem.contains(FILE) && !problem.contains("hunter2"), "{problem}");
        }
        let nameless = ACCOUNT.replace("\"project_id\"", "\"project\"");
        let problem = ServiceAccount::of_file(&nameless, None, None).unwrap_err().to_string();
        assert!(problem.contains("FIREBASE_PROJECT_ID"), "{problem}");
    }
}
