//! Customers' devices: their platforms, the tokens they have, and through which push service one is reached.

use crate::domain::ids::CustomerId;
use crate::domain::push::{PushService, PushToken};
use crate::domain::words::words;

/// The row of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId(pub i64);

impl DeviceId {
    /// The id for notifications without a device.
    pub const NONE: DeviceId = DeviceId(0);
}

words! {
    /// A device's operating system.
    Platform {
        Android = "android",
        Ios = "ios",
        Web = "web",
    }
}

impl Platform {
    /// The services in the order in which a device is tried: the straightest way comes first, and what is no Apple device
    /// has nothing to do with APNs.
    pub const fn services(self) -> &'static [PushService] {
        match self {
            Platform::Ios => &[PushService::Apns, PushService::Fcm, PushService::Expo],
            Platform::Android | Platform::Web => &[PushService::Fcm, PushService::Expo],
        }
    }
}

/// A device with the tokens that live.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    pub id: DeviceId,
    pub customer: CustomerId,
    pub platform: Platform,
    pub tokens: Vec<(PushService, PushToken)>,
}

/// Why there is no way to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWay {
    /// The customer has no device, or the device no token, that lives.
    NoToken,
    /// This server has no credentials of the service.
    NoCredentials(PushService),
    /// The app registered something that is not an Expo token.
    NotExpos,
}

impl NoWay {
    pub fn reason(self) -> String {
        match self {
            NoWay::NoToken => "no active token".to_owned(),
            NoWay::NoCredentials(service) => format!("no credentials for {service}"),
            NoWay::NotExpos => "not a token of Expo's".to_owned(),
        }
    }

    /// Whether somebody did something wrong, so that it counts as failed.
    pub fn is_failure(self) -> bool {
        self == NoWay::NotExpos
    }
}

impl Device {
    pub fn token(&self, service: PushService) -> Option<&PushToken> {
        self.tokens.iter().find(|(of, _)| *of == service).map(|(_, token)| token)
    }

    /// Through which of `configured` an event reaches the device.
    pub fn way(&self, configured: &[PushService]) -> Result<PushService, NoWay> {
        let mut no_way = NoWay::NoToken;
        for service in self.platform.services() {
            match self.way_by(*service, configured) {
                Ok(()) => return Ok(*service),
                // The first service with a token says it best.
                Err(reason) if no_way == NoWay::NoToken => no_way = reason,
                Err(_) => {}
            }
        }
        Err(no_way)
    }

    /// Whether this one service can reach it.
    pub fn way_by(&self, service: PushService, configured: &[PushService]) -> Result<(), NoWay> {
        let token = self.token(service).ok_or(NoWay::NoToken)?;
        if service == PushService::Expo && !token.is_expo() {
            return Err(NoWay::NotExpos);
        }
        match configured.contains(&service) {
            true => Ok(()),
            false => Err(NoWay::NoCredentials(service)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PushService::{Apns, Expo, Fcm};

    fn device(platform: Platform, tokens: &[(PushService, &str)]) -> Device {
        let token = |text: &str| PushToken::new(text).expect("a token");
        let tokens = tokens.iter().map(|(service, text)| (*service, token(text))).collect();
        Device { id: DeviceId(1), customer: CustomerId(1), platform, tokens }
    }

    #[test]
    fn an_event_goes_the_straightest_way_that_there_is() {
        let all = [(Fcm, "f"), (Expo, "ExponentPushToken[e]"), (Apns, "a1")];
        assert_eq!(device(Platform::Ios, &all).way(&[Fcm, Apns, Expo]), Ok(Apns));
        assert_eq!(device(Platform::Ios, &all).way(&[Fcm, Expo]), Ok(Fcm));
        for platform in [Platform::Android, Platform::Web] {
            assert_eq!(device(platform, &all).way(&[Fcm, Apns, Expo]), Ok(Fcm));
            assert_eq!(device(platform, &all[1..]).way(&[Fcm, Apns, Expo]), Ok(Expo));
            assert_eq!(device(platform, &all[2..]).way(&[Fcm, Apns, Expo]), Err(NoWay::NoToken));
        }
    }

    #[test]
    fn where_there_is_no_way_it_is_said_why() {
        let both = device(Platform::Android, &[(Fcm, "f"), (Expo, "expo_token_here")]);
        assert_eq!(both.way(&[]), Err(NoWay::NoCredentials(Fcm)));
        let expo = device(Platform::Android, &[(Expo, "expo_token_here")]);
        assert_eq!(expo.way(&[Expo]), Err(NoWay::NotExpos));
        assert_eq!(expo.way_by(Fcm, &[Fcm]), Err(NoWay::NoToken));
        assert!(NoWay::NotExpos.is_failure() && !NoWay::NoCredentials(Fcm).is_failure());
    }
}
