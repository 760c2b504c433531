//! Owns the vehicle types: each gets a small number, so that a driver in the index has two bytes of it and a comparison
//! costs nothing. Case does not count. Only drivers' rows add types; a passenger's wish is looked up.

use std::collections::HashMap;

/// A vehicle type's number, good for the [`VehicleTypes`] that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VehicleType(u16);

impl VehicleType {
    pub(super) fn number(self) -> u16 {
        self.0
    }
}

impl From<u16> for VehicleType {
    fn from(number: u16) -> Self {
        Self(number)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {} vehicle types already", VehicleTypes::MAX)]
pub struct TooManyVehicleTypes;

#[derive(Clone, Debug, Default)]
pub struct VehicleTypes {
    numbers: HashMap<String, VehicleType>,
    /// As each was written first.
    names: Vec<String>,
}

impl VehicleTypes {
    /// As many as two bytes can tell apart.
    pub const MAX: usize = 1 << 16;

    /// The number of a driver's vehicle type; a new one for a new type.
    pub fn intern(&mut self, name: &str) -> Result<VehicleType, TooManyVehicleTypes> {
        if let Some(known) = self.find(name) {
            return Ok(known);
        }
        let number = u16::try_from(self.names.len()).map_err(|_| TooManyVehicleTypes)?;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_lowercase(), VehicleType(number));
        Ok(VehicleType(number))
    }

    /// None: no driver has such a vehicle.
    pub fn find(&self, name: &str) -> Option<VehicleType> {
        self.numbers.get(&name.to_lowercase()).copied()
    }

    /// As it was written first. None for a number of other `VehicleTypes`.
    pub fn name(&self, vehicle: VehicleType) -> Option<&str> {
        self.names.get(usize::from(vehicle.0)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_count() {
        let mut types = VehicleTypes::default();
        let sedan = types.intern("Sedan").expect("room");
        let bicycle = types.intern("ÉLECTRIQUE").expect("room");
        assert_eq!(types.intern("SEDAN"), Ok(sedan));
        assert_eq!(types.find("électrique"), Some(bicycle));
        assert_ne!(sedan, bicycle);
        assert_eq!(types.name(sedan), Some("Sedan"));
    }

    #[test]
    fn looking_for_a_type_does_not_add_it() {
        let mut types = VehicleTypes::default();
        assert_eq!(types.find("rickshaw"), None);
        let first = types.intern("van").expect("room");
        assert_eq!(types.find("rickshaw"), None);
        assert_eq!(types.name(first), Some("van"));
        assert_eq!(types.name(VehicleType(1)), None);
    }

    #[test]
    fn full_it_refuses_new_types_and_knows_the_old_ones() {
        let mut types = VehicleTypes::default();
        for number in 0..VehicleTypes::MAX {
            types.intern(&format!("type {number}")).expect("room");
        }
        assert_eq!(types.intern("one more"), Err(TooManyVehicleTypes));
        assert_eq!(types.intern("TYPE 65535"), Ok(VehicleType(65_535)));
    }
}
