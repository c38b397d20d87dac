//! Certificates that the `openssl` program makes, for a private authority with an authority between.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::registry::{program, run};

/// A folder with `root.pem`, `between.pem` and what they sign.
pub struct Certificates {
    folder: TempDir,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// `root` or `between`.
    pub signer: &'a str,
    /// Its names, such as `DNS:localhost`.
    pub names: &'a str,
    /// The year in which it is valid, from its first day to that of the next; `None` is from 2000 to 2090.
    pub year: Option<u16>,
}

impl Certificates {
    /// The two authorities.
    pub fn make() -> Self {
        let certificates = Self { folder: tempfile::tempdir().expect("a folder") };
        let authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
        certificates.openssl("req -x509 KEY -keyout root.key -out root.pem -subj /CN=root -addext keyUsage=critical,keyCertSign");
        certificates.sign("between", "root", authority, (2000, 2090));
        certificates
    }

    /// Makes `NAME.key` and `NAME.pem`.
    pub fn leaf(&self, name: &str, leaf: Leaf<'_>) {
        let years = leaf.year.map_or((2000, 2090), |year| (year, year + 1));
        self.sign(name, leaf.signer, &format!("basicConstraints=CA:FALSE\nsubjectAltName={}\n", leaf.names), years);
    }

    /// A server's own certificate that nobody signed but itself, as Gitea makes it.
    pub fn self_signed(&self, name: &str) {
        self.openssl(&format!("req -x509 KEY -keyout {name}.key -out {name}.pem -subj /CN={name} -addext subjectAltName=DNS:localhost"));
    }

    /// A file that holds the certificates of several names, in this order.
    pub fn chain(&self, name: &str, parts: &[&str]) {
        let text: String = parts.iter().map(|part| fs::read_to_string(self.path().join(format!("{part}.pem"))).expect("a certificate")).collect();
        fs::write(self.path().join(format!("{name}.pem")), text).expect("a chain");
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn sign(&self, name: &str, signer: &str, extensions: &str, (from, to): (u16, u16)) {
        let config =
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=optional\n";
        let serial = name.bytes().fold(String::new(), |serial, byte| format!("{serial}{byte:02x}"));
        for (file, text) in [("ca.cnf", config), ("index", ""), ("serial", &serial), ("extensions", extensions)] {
            fs::write(self.path().join(file), text).expect("a file");
        }
        self.openssl(&format!("req -new KEY -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        self.openssl(&format!(
            "ca -batch -notext -config ca.cnf -cert {signer}.pem -keyfile {signer}.key -in {name}.csr -out {name}.pem \
             -extfile extensions -startdate {from}0101000000Z -enddate {to}0101000000Z"
        ));
    }

    fn openssl(&self, arguments: &str) {
        let arguments = arguments.replace("KEY", "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes");
        run(program("openssl").current_dir(self.path()).args(arguments.split_ascii_whitespace()), "openssl");
    }
}
