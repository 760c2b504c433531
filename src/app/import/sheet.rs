//! A CSV file as spreadsheets write it: with or without a byte order mark; commas, semicolons or tabs; quotes; any line
//! ends. Each row is an object of texts under the header's names, without empty cells.

use crate::api::import::Cells;
use serde_json::Value;

/// More people than an import is made for: past it the file is to be split.
const ROWS_MAX: usize = 50_000;
/// The byte order mark that Windows programs put before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A problem in a file, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub line: u64,
    pub field: Option<String>,
    pub message: String,
}

impl Wrong {
    pub fn in_line(line: u64, message: impl Into<String>) -> Self {
        Self { line, field: None, message: message.into() }
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.field {
            Some(field) => write!(f, "line {}: {field}: {}", self.line, self.message),
            None => write!(f, "line {}: {}", self.line, self.message),
        }
    }
}

#[derive(Debug)]
pub struct Sheet {
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

#[derive(Debug)]
pub struct Row {
    pub line: u64,
    pub cells: Cells,
}

/// Reads a file, or says all that is wrong with its form.
pub fn read(bytes: &[u8]) -> Result<Sheet, Vec<Wrong>> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let mut records = Records { rest: bytes, delimiter: delimiter(bytes), line: 1 };
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(wrong)) => return Err(vec![wrong]),
        None => return Err(vec![Wrong::in_line(1, "the file has no header line with column names")]),
    };
    let mut wrong = Vec::new();
    let columns = columns(&header, &mut wrong);
    let mut rows = Vec::new();
    for record in records {
        match record {
            Ok(record) if record.cells.iter().all(Vec::is_empty) => {}
            Ok(record) if rows.len() == ROWS_MAX => {
                let message = format!("the file has more than {ROWS_MAX} rows; split it");
                wrong.push(Wrong::in_line(record.line, message));
                break;
            }
            Ok(record) => rows.extend(row(&record, &columns, &mut wrong)),
            Err(torn) => wrong.push(torn),
        }
    }
    if wrong.is_empty() { Ok(Sheet { columns, rows }) } else { Err(wrong) }
}

/// The possible delimiter that is most frequent in the header.
fn delimiter(bytes: &[u8]) -> u8 {
    let header = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let count = |delimiter: &u8| header.iter().filter(|byte| *byte == delimiter).count();
    // The last of several that are as many.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// A line of the table, which may be several of the file.
struct Record {
    line: u64,
    /// Without the blanks around them.
    cells: Vec<Vec<u8>>,
}

/// Takes a file apart as RFC 4180 has it.
struct Records<'a> {
    rest: &'a [u8],
    delimiter: u8,
    line: u64,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, mut cells) = (self.line, Vec::new());
        loop {
            match self.cell() {
                Ok(cell) => cells.push(cell),
                Err(message) => {
                    // Where the next record begins is anybody's guess.
                    self.rest = &[];
                    return Some(Err(Wrong::in_line(line, message)));
                }
            }
            if self.take() != Some(self.delimiter) {
                return Some(Ok(Record { line, cells }));
            }
        }
    }
}

impl Records<'_> {
    fn cell(&mut self) -> Result<Vec<u8>, &'static str> {
        self.skip_blanks();
        if self.rest.first() == Some(&b'"') {
            self.take();
            return self.quoted();
        }
        let is_end = |byte: &u8| *byte == self.delimiter || matches!(byte, b'\n' | b'\r');
        let (cell, rest) = self.rest.split_at(self.rest.iter().position(is_end).unwrap_or(self.rest.len()));
        self.rest = rest;
        Ok(cell.trim_ascii_end().to_vec())
    }

    /// The text after an opening quote; a doubled quote is one in the text.
    fn quoted(&mut self) -> Result<Vec<u8>, &'static str> {
        let mut cell = Vec::new();
        loop {
            match self.take() {
                None => return Err("a quote is opened but not closed"),
                Some(b'"') if self.rest.first() != Some(&b'"') => break,
                Some(b'"') => cell.extend(self.take()),
                Some(byte) => cell.push(byte),
            }
        }
        self.skip_blanks();
        match self.rest.first() {
            None | Some(b'\n' | b'\r') => Ok(cell.trim_ascii().to_vec()),
            Some(byte) if *byte == self.delimiter => Ok(cell.trim_ascii().to_vec()),
            Some(_) => Err("text follows a closing quote"),
        }
    }

    fn skip_blanks(&mut self) {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t') && *byte != self.delimiter;
        let count = self.rest.iter().take_while(|byte| is_blank(byte)).count();
        self.rest = &self.rest[count..];
    }

    /// The next byte; any line end is a line feed.
    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        if *first == b'\r' {
            self.rest = self.rest.strip_prefix(b"\n").unwrap_or(self.rest);
        }
        match first {
            b'\n' | b'\r' => {
                self.line += 1;
                Some(b'\n')
            }
            other => Some(*other),
        }
    }
}

fn columns(header: &Record, wrong: &mut Vec<Wrong>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::with_capacity(header.cells.len());
    for name in &header.cells {
        let name = String::from_utf8_lossy(name).to_lowercase();
        if name.is_empty() {
            wrong.push(Wrong::in_line(1, format!("column {} has no name", columns.len() + 1)));
        } else if columns.contains(&name) {
            wrong.push(Wrong { line: 1, field: Some(name.clone()), message: "appears twice".to_owned() });
        }
        columns.push(name);
    }
    columns
}

fn row(record: &Record, columns: &[String], wrong: &mut Vec<Wrong>) -> Option<Row> {
    let line = record.line;
    if record.cells.len() != columns.len() {
        let message = format!("has {} cells where the header has {}", record.cells.len(), columns.len());
        wrong.push(Wrong::in_line(line, message));
        return None;
    }
    let mut cells = Cells::new();
    for (name, cell) in columns.iter().zip(&record.cells) {
        match std::str::from_utf8(cell) {
            Ok("") => {}
            Ok(text) => {
                cells.insert(name.clone(), Value::from(text));
            }
            Err(_) => wrong.push(Wrong {
                line,
                field: Some(name.clone()),
                message: "is not UTF-8; save the file as CSV UTF-8".to_owned(),
            }),
        }
    }
    Some(Row { line, cells })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::each_bytes;

    #[test]
    fn any_file_is_read_or_refused_with_the_lines_that_are_wrong() {
        let good: [&[u8]; 3] = [
            b"name,phone_number\r\n\"Anna, the \"\"first\"\"\",+49\r\nBert,\r\n",
            b"\xef\xbb\xbfName;Phone_Number\nAnna;+49\n",
            b"name\tcity\n\"two\nlines\"\tx\n",
        ];
        each_bytes("sheets", &good, |bytes| match read(bytes) {
            Ok(sheet) => assert!(sheet.rows.iter().all(|row| row.cells.len() <= sheet.columns.len())),
            Err(wrong) => assert!(!wrong.is_empty() && wrong.iter().all(|wrong| wrong.line > 0)),
        });
    }

    fn names(text: &str) -> Vec<(u64, String)> {
        let sheet = read(text.as_bytes()).expect(text);
        assert_eq!(sheet.columns, ["name", "phone_number"]);
        let name = |row: &Row| row.cells["name"].as_str().unwrap_or_default().to_owned();
        sheet.rows.iter().map(|row| (row.line, name(row))).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        for text in [
            "name,phone_number\nAnna,+49\nBert,\n",
            "\u{feff}Name;Phone_Number\r\nAnna;+49\r\nBert;\r\n",
            "name\tphone_number\rAnna\t+49\rBert\t\r",
            "\"name\", \"phone_number\"\n\"Anna\" , +49\nBert,\"\"",
        ] {
            assert_eq!(names(text), [(2, "Anna".to_owned()), (3, "Bert".to_owned())], "{text:?}");
        }
        let quoted = "name;phone_number\n\"Doe; \"\"J\"\",\nJohn\";+49\n\n;\nBert;1\n";
        assert_eq!(names(quoted), [(2, "Doe; \"J\",\nJohn".to_owned()), (6, "Bert".to_owned())]);
        let cells = &read(b"name,phone_number\nBert,\n").expect("a file").rows[0].cells;
        assert!(!cells.contains_key("phone_number"), "an empty cell says nothing");
    }

    #[test]
    fn all_that_is_wrong_with_the_form_is_said_with_its_line() {
        let said = |bytes: &[u8]| {
            read(bytes).map(drop).expect_err("a bad file").iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(said(b""), ["line 1: the file has no header line with column names"]);
        assert_eq!(
            said(b"name,name,\na,b\na,b,c\n\xff,b,c\n"),
            [
                "line 1: name: appears twice",
                "line 1: column 3 has no name",
                "line 2: has 2 cells where the header has 3",
                "line 4: name: is not UTF-8; save the file as CSV UTF-8",
            ]
        );
        assert_eq!(said(b"name\n\"Anna\nBert\n"), ["line 2: a quote is opened but not closed"]);
        assert_eq!(said(b"name\n\n\"Anna\" B\nBert\n"), ["line 3: text follows a closing quote"]);
        let many = format!("name\n{}", "x\n".repeat(ROWS_MAX + 1));
        assert!(said(many.as_bytes())[0].contains("split it"));
    }
}
