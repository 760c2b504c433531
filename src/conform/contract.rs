//! The contracts that can be checked, by their names on the command line.

use crate::domain::words::words;

words! {
    /// One app family's wire language.
    Contract {
        DriverApp = "driver-app",
        RideHailing = "ride-hailing",
        RideMatching = "ride-matching",
        Push = "push",
    }
}
