//! A disk with faults under a server's SQLite file: a small library that is loaded into the server before the C library, built
//! from `faulty_disk.c` by the C compiler that the server itself needs. Needs no privilege, and works in any container.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::process::Settings;

const ORDERS_BYTES: u64 = 16;

/// The fault of the disk.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// No file can grow.
    Full,
    ReadOnly,
    /// Writes go well, and the disk then says that it could not keep them.
    FailingSync,
    SlowSync {
        ms: u32,
    },
    /// The power fails after this many more writes and syncs. Unsynced writes are there, or not, or only some of their
    /// sectors.
    PowerCut {
        calls: u32,
        seed: u32,
    },
}

pub struct FaultyDisk {
    orders: File,
}

impl FaultyDisk {
    /// Sound, under this database, for a server with these settings.
    pub fn new(directory: &Path, database: &Path, settings: &mut Settings) -> FaultyDisk {
        let path = directory.join("faults");
        let orders = File::create(&path).expect("the test's directory is writable");
        orders.set_len(ORDERS_BYTES).expect("room for four numbers");
        let mut set = |name: &str, path: &Path| {
            settings.insert(name.to_owned(), path.to_str().expect("UTF-8").to_owned())
        };
        set("LD_PRELOAD", library());
        set("FAULTY_DISK_ORDERS", &path);
        set("FAULTY_DISK_FILES", database);
        FaultyDisk { orders }
    }

    pub fn order(&self, fault: Fault) {
        let (number, sync_ms, calls, seed) = match fault {
            Fault::Full => (1, 0, 0, 0),
            Fault::ReadOnly => (2, 0, 0, 0),
            Fault::FailingSync => (3, 0, 0, 0),
            Fault::SlowSync { ms } => (4, ms, 0, 0),
            Fault::PowerCut { calls, seed } => (5, 0, calls, seed),
        };
        // The fault itself last: it is in force with what belongs to it.
        for (at, number) in [(4, sync_ms), (8, calls), (12, seed), (0, number)] {
            self.write(at, number);
        }
    }

    pub fn mend(&self) {
        self.write(0, 0);
    }

    fn write(&self, at: u64, number: u32) {
        self.orders.write_all_at(&number.to_ne_bytes(), at).expect("the file has this length");
    }
}

/// Built once for each run of the tests.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/faulty_disk.c");
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (built, library) =
            (directory.join(format!("faulty_disk.{}", std::process::id())), directory.join("faulty_disk.so"));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-pthread", "-o"]).arg(&built).arg(&source);
        let output = compiler.output().expect("the C compiler that the server is built with is called cc");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Complete under its name, even if another process builds it, too.
        std::fs::rename(&built, &library).expect("the target directory is writable");
        library
    })
}
