//! Assembles push: the services with credentials, the texts, and the actor.

use crate::actors::push::{self, PushHandle, PushOptions, Retrying};
use crate::actors::recorder::RecorderHandle;
use crate::app::{Foundation, time_delta};
use crate::config::{Profile, Settings};
use crate::domain::notification::Texts;
use crate::operations::push::PushRules;
use crate::providers::{Provider, Providers};
use rand::TryRngCore;
use rand::rngs::OsRng;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// The parts of push that may be misconfigured, checked before anything is started.
pub struct Prepared {
    providers: Vec<Arc<dyn Provider>>,
    texts: Texts,
}

pub fn prepare(settings: &Settings, foundation: &Foundation) -> Result<Prepared, Box<dyn Error>> {
    let (clock, metrics) = (foundation.clock.clone(), foundation.metrics.clone());
    let providers = Providers::from_settings(&settings.push, clock, metrics)?;
    let providers = providers.iter().cloned().collect();
    let texts = settings.notifications.texts_file.as_deref().map(texts_of).transpose()?;
    Ok(Prepared { providers, texts: texts.unwrap_or_else(Texts::english) })
}

/// The texts of a file, or what is wrong with it.
pub fn texts_of(path: &Path) -> Result<Texts, Box<dyn Error>> {
    let wrong = |what: String| format!("PUSH_TEXTS_FILE={}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    Ok(Texts::from_json(&text).map_err(wrong)?)
}

pub fn start(
    prepared: Prepared,
    settings: &Settings,
    foundation: &Foundation,
    recorder: RecorderHandle,
) -> Result<PushHandle, Box<dyn Error>> {
    let Prepared { providers, texts } = prepared;
    let configured: Vec<_> = providers.iter().map(|provider| provider.service()).collect();
    let words: Vec<_> = configured.iter().map(|service| service.as_str()).collect();
    log::info!("push services={words:?}");
    let own = &settings.notifications;
    let options = PushOptions {
        rules: PushRules { texts: Arc::new(texts), configured: configured.into() },
        retrying: Retrying { base: own.retry_base, cap: own.retry_cap },
        receipt_after: time_delta(own.receipt_delay),
        zone: settings.region.time_zone,
        log_unsent: settings.profile == Profile::Development,
    };
    Ok(push::start(options, foundation, providers, recorder, OsRng.try_next_u64()?))
}
