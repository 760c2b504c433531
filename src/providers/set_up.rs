//! Makes the providers from the settings, once at start; all problems are reported at once.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::apns::Apns;
use super::expo::Expo;
use super::fcm::Fcm;
use super::problem::{ProviderProblem, ProviderProblems, Tools};
use super::{Provider, Providers};
use crate::clock::SharedClock;
use crate::config::push::{BaseUrl, PushSettings};
use crate::metrics::Metrics;

impl Providers {
    /// A provider for each service that has credentials. Reads the files that the settings name.
    pub fn from_settings(
        settings: &PushSettings,
        clock: SharedClock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ProviderProblems> {
        warn_of_plain_addresses(settings);
        let tls = tls(settings).map_err(|problem| ProviderProblems(vec![problem]))?;
        let tools = Tools { clock, metrics, tls, timeout: settings.timeout };
        let made = [
            settings.fcm.as_ref().map(|fcm| shared(Fcm::new(fcm, tools.clone()))),
            settings.apns.as_ref().map(|apns| shared(Apns::new(apns, tools.clone()))),
            settings.expo.as_ref().map(|expo| shared(Expo::new(expo, tools.clone()))),
        ];
        let (mut providers, mut problems) = (Vec::new(), Vec::new());
        for provider in made.into_iter().flatten() {
            match provider {
                Ok(provider) => providers.push(provider),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(Providers::new(providers)) } else { Err(ProviderProblems(problems)) }
    }
}

fn shared<P: Provider + 'static>(
    made: Result<P, ProviderProblem>,
) -> Result<Arc<dyn Provider>, ProviderProblem> {
    made.map(|provider| Arc::new(provider) as _)
}

/// The authorities by which we verify the services: the system's and those of `PUSH_CA_FILE`. Read once for all
/// connections, and only if any of them uses TLS.
pub fn tls(settings: &PushSettings) -> Result<ClientConfig, ProviderProblem> {
    let extra = settings.ca_file.as_deref().map(authorities).transpose()?.unwrap_or_default();
    if uses_tls(settings) {
        return verified_by(extra);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(ProviderProblem::NoAuthorities)?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The system's authorities alone.
pub fn system_tls() -> Result<ClientConfig, ProviderProblem> {
    verified_by(Vec::new())
}

/// By the system's authorities and these.
fn verified_by(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, ProviderProblem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(ProviderProblem::NoAuthorities)?;
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider);
    let verifier = verifier.map_err(ProviderProblem::NoAuthorities)?;
    // Only verifying less would be dangerous; this is the system's own verification.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

/// For proxies nearby it may be right; elsewhere everybody on the way could send in our name.
fn warn_of_plain_addresses(settings: &PushSettings) {
    let fcm = settings.fcm.as_ref();
    let addresses = [
        ("FCM_BASE_URL", fcm.map(|fcm| &fcm.base_url)),
        ("GOOGLE_TOKEN_URL", fcm.and_then(|fcm| fcm.token_url.as_ref())),
        ("APNS_BASE_URL", settings.apns.as_ref().map(|apns| &apns.base_url)),
        ("EXPO_BASE_URL", settings.expo.as_ref().map(|expo| &expo.base_url)),
    ];
    for (setting, address) in addresses {
        if address.is_some_and(BaseUrl::is_readable_on_the_way) {
            log::warn!("{setting} is not https: credentials and notifications can be read in transit");
        }
    }
}

fn uses_tls(settings: &PushSettings) -> bool {
    // A service account's file may name an address of its own, so FCM counts unless all of its addresses are set.
    let fcm = settings.fcm.as_ref().is_some_and(|fcm| {
        fcm.base_url.is_tls() || fcm.token_url.as_ref().is_none_or(|token_url| token_url.is_tls())
    });
    let apns = settings.apns.as_ref().is_some_and(|apns| apns.base_url.is_tls());
    let expo = settings.expo.as_ref().is_some_and(|expo| expo.base_url.is_tls());
    fcm || apns || expo
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, ProviderProblem> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(|_| ProviderProblem::Authorities)?;
    let mut store = RootCertStore::empty();
    let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 || usable < certificates.len() {
        Err(ProviderProblem::Authorities)
    } else {
        Ok(certificates)
    }
}

#[cfg(test)]
#[path = "set_up_tests.rs"]
mod tests;
