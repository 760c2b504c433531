//! People in a file from another system: the columns are the fields of `POST admin/customers` and `POST admin/drivers`,
//! read by the same rules. A password may be left out here: such an account can log in once it has been given one.

use crate::api::fields::{Fields, GIVEN_HERE, Object, UNKNOWN};
use crate::api::operators::{customers, drivers, person};
use crate::api::problem::FieldProblem;
use crate::api::rules;
use crate::operations::import::{Imported, Side};
use crate::operations::passwords::Password;
use serde_json::Value;

/// A row: texts by the names of their columns, without those that are empty.
pub type Cells = Object;

/// The people in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum People {
    Customers,
    Drivers,
}

/// Reads a row, or says all that is wrong with it.
pub fn row(people: People, cells: &Cells) -> Result<(Imported, Option<Password>), Vec<FieldProblem>> {
    let mut fields = Fields::of_cells(cells);
    let person = person(&mut fields);
    let password = fields.optional("password", rules::password());
    let mut changes = Fields::of_cells(cells);
    let side = match people {
        People::Customers => {
            let details = Some(customers::details(&mut fields));
            details.map(|details| Side::Customer(details, customers::changes(&mut changes).0))
        }
        People::Drivers => {
            let details = drivers::details(&mut fields);
            details.map(|details| Side::Driver(details, Box::new(drivers::changes(&mut changes).0)))
        }
    };
    fields.refuse_unread();
    let read = fields.finish(person.zip(side).map(|(person, side)| (Imported { person, side }, password)));
    read.map_err(|problem| problem.errors().to_vec())
}

/// The problems with the names of a file's columns.
pub fn columns(people: People, names: &[String]) -> Vec<FieldProblem> {
    let cells: Cells = names.iter().map(|name| (name.clone(), Value::from("x"))).collect();
    let problems = row(people, &cells).map_or_else(|problems| problems, |_| Vec::new());
    problems.into_iter().filter(|problem| [UNKNOWN, GIVEN_HERE].contains(&problem.message.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(list: &[(&str, &str)]) -> Cells {
        list.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect()
    }

    const ANNA: [(&str, &str); 3] =
        [("username", "Anna"), ("name", "Anna"), ("phone_number", "0049 151 12345678")];

    #[test]
    fn a_row_is_read_by_the_rules_of_rest_whatever_a_spreadsheet_makes_of_numbers() {
        let mut driver = ANNA.to_vec();
        driver.extend([
            ("vehicle_type", "moto"),
            ("is_verified", "TRUE"),
            ("latitude", "-26,2041"),
            ("longitude", "28.0473"),
        ]);
        driver.extend([("external_id", "4711"), ("password", "12345678")]);
        let (row, password) = row(People::Drivers, &cells(&driver)).expect("a driver");
        let Side::Driver(details, change) = &row.side else { panic!("{row:?}") };
        assert_eq!(
            (row.person.username.as_str(), row.external_id(), password.is_some()),
            ("anna", Some("4711"), true)
        );
        assert_eq!(details.position.map(|position| position.latitude()), Some(-26.2041));
        assert_eq!((details.is_verified, change.is_verified, change.rating), (true, Some(true), None));
        assert!(change.vehicle_color.is_none(), "a cell that is empty changes nothing");
    }

    #[test]
    fn all_that_is_wrong_with_a_row_is_said_at_once() {
        let wrong =
            cells(&[("username", "a b"), ("phone_number", "0151"), ("time_zone", "Mars"), ("password", "x")]);
        let problems = row(People::Customers, &wrong).map(drop).expect_err("a bad row");
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["username", "name", "phone_number", "password", "time_zone"]);
    }

    #[test]
    fn a_column_that_is_no_field_is_no_column() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let wrong = |people, list: &[&str]| {
            columns(people, &names(list)).into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        let known = ["username", "name", "phone_number", "password", "external_id", "time_zone"];
        assert_eq!(wrong(People::Customers, &known), [] as [&str; 0]);
        assert_eq!(wrong(People::Customers, &["username", "phone", "plate"]), ["phone", "plate"]);
        assert_eq!(wrong(People::Drivers, &["vehicle_color", "time_zone"]), ["time_zone"]);
        assert_eq!(wrong(People::Drivers, &["driver_id", "user_id", "latitude"]), ["driver_id", "user_id"]);
    }
}
