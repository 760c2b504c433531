//! `fleetwire import`: people from a file, while a server runs.

use serde_json::{Value, json};

use crate::support::Server;

const FILE: &str = "people.csv";

/// Runs an import of a file that has this text; whether it succeeded, and what it said on both outputs.
async fn import(server: &Server, people: &str, text: &str, options: &[&str]) -> (bool, String) {
    let path = server.directory().join(FILE);
    std::fs::write(&path, text).expect("the test's directory is writable");
    let mut arguments = vec!["import", people, path.to_str().expect("a path is UTF-8")];
    arguments.extend(options);
    let output = server.try_command(&arguments).await;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), said.concat())
}

async fn customers(server: &Server) -> Vec<Value> {
    let list = server.operator().await.list("admin/customers").await;
    list.into_iter().filter(|customer| customer["external_id"].is_string()).collect()
}

/// With the mark, the semicolons and the line ends of a spreadsheet.
const CUSTOMERS: &str = "\u{feff}external_id;username;name;phone_number;time_zone;password\r\n\
    CRM-1;Anna;\"Anna; \"\"the first\"\"\";+49 151 1234567;Europe/Berlin;password of anna\r\n\
    CRM-2;bert;Bert;0049 151 7654321;;\r\n";

#[tokio::test]
async fn customers_come_in_from_a_spreadsheet_and_again() {
    let server = Server::start_default().await;
    let (done, said) = import(&server, "customers", CUSTOMERS, &["--dry-run"]).await;
    assert!(done && said.contains("would make 2 customers and change 0"), "{said}");
    assert_eq!(customers(&server).await, [] as [Value; 0], "a dry run");
    let (done, said) = import(&server, "customers", CUSTOMERS, &[]).await;
    assert!(done && said.contains("Made 2 customers and changed 0"), "{said}");
    let made = customers(&server).await;
    let fields = |customer: &Value| {
        ["external_id", "username", "name", "phone_number"]
            .map(|field| customer[field].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(fields(&made[0]), ["CRM-1", "anna", "Anna; \"the first\"", "+491511234567"]);
    assert_eq!(fields(&made[1]), ["CRM-2", "bert", "Bert", "+491517654321"]);
    assert_eq!((&made[0]["time_zone"], &made[1]["time_zone"]), (&json!("Europe/Berlin"), &Value::Null));
    let log_in = async |name: &str, password: &str| {
        server.anonymous().post("auth/login", json!({"username": name, "password": password})).await.status
    };
    assert_eq!(log_in("anna", "password of anna").await, 200);
    assert_eq!(log_in("bert", "").await, 401, "no password yet");
    let path = format!("admin/customers/{}", made[1]["customer_id"]);
    server.operator().await.api().patch(&path, json!({"password": "password of bert"})).await.expect(200);
    assert_eq!(log_in("bert", "password of bert").await, 200);

    let changed = CUSTOMERS.replace(";Bert;", ";Bert B.;").replace("password of anna", "another password")
        + "CRM-3;carl;Carl;+4915100000;;\r\n";
    let (done, said) = import(&server, "customers", &changed, &[]).await;
    assert!(done && said.contains("Made 1 customers and changed 2"), "{said}");
    let again = customers(&server).await;
    assert_eq!((again.len(), &again[1]["name"]), (3, &json!("Bert B.")));
    assert_eq!(again[0]["customer_id"], made[0]["customer_id"]);
    assert_eq!(log_in("anna", "password of anna").await, 200, "a password is of a new account only");
}

#[tokio::test]
async fn drivers_come_in_and_can_be_assigned_to_at_once() {
    let server = Server::start_default().await;
    let file = "username,name,phone_number,vehicle_type,is_verified,latitude,longitude,external_id,vehicle_registration\n\
        dora,Dora,+27820000001,moto,TRUE,\"-26,2041\",28.0473,HR-1,GP 1\n\
        dana,Dana,+27820000002,van,,,,,\n";
    let (done, said) = import(&server, "drivers", file, &[]).await;
    assert!(done && said.contains("Made 2 drivers"), "{said}");
    // Without an external id, name and number say who it is.
    let (done, said) = import(&server, "drivers", &file.replace("Dana", "Dana D."), &[]).await;
    assert!(done && said.contains("Made 0 drivers and changed 2"), "{said}");
    let operator = server.operator().await;
    let dora =
        operator.api().get("admin/drivers?external_id=HR-1").await.expect(200).body["items"][0].clone();
    assert_eq!(
        (&dora["is_verified"], &dora["latitude"], &dora["vehicle_registration"]),
        (&json!(true), &json!(-26.2041), &json!("GP 1"))
    );
    let dana = operator.api().get("admin/drivers?search=dana").await.expect(200).body["items"][0].clone();
    assert_eq!(
        (&dana["name"], &dana["is_verified"], &dana["vehicle_type"]),
        (&json!("Dana D."), &json!(false), &json!("van"))
    );
    let path = format!("admin/orders/{}/assign", operator.create_order().await);
    operator.api().post(&path, json!({"external_id": "HR-1"})).await.expect(200);
}

#[tokio::test]
async fn all_that_is_wrong_is_said_with_its_line_and_nothing_is_written() {
    let server = Server::start_default().await;
    let file = "external_id,username,name,phone_number,password,time_zone\n\
        A,good,Good,+4915112345678,,\n\
        B,a b,,0151,short,Mars\n\
        A,good,Twice,+49 151 12345678,,\n\
        C,passenger1,Taken,+4915112345679,,\n\
        D,fine,Taken too,+237 123 456 789,,\n";
    for options in [&["--dry-run"][..], &[]] {
        let (done, said) = import(&server, "customers", file, options).await;
        assert!(!done, "{said}");
        for expected in [
            "line 3: username:",
            "line 3: name: is missing",
            "line 3: phone_number:",
            "line 3: password:",
            "line 3: time_zone:",
            "line 4: username: is already on line 2",
            "line 4: phone_number: is already on line 2",
            "line 4: external_id: is already on line 2",
            "nothing was written",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert!(!said.contains("short\n"), "what was in a cell is said nowhere: {said}");
    }
    let taken: String = file
        .lines()
        .filter(|line| !line.starts_with("B,") && !line.contains("Twice"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let (done, said) = import(&server, "customers", &taken, &[]).await;
    assert!(
        !done
            && said.contains("line 3: username: is taken")
            && said.contains("line 4: phone_number: is taken"),
        "{said}"
    );
    let (done, said) = import(&server, "customers", "username,phone,customer_id\nx,1,2\n", &[]).await;
    assert!(
        !done
            && said.contains("line 1: phone: is not a field of this request")
            && said.contains("line 1: customer_id: is assigned by"),
        "{said}"
    );
    assert_eq!(customers(&server).await, [] as [Value; 0]);
}
