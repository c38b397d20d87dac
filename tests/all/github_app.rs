//! Git over https as a GitHub App: against an API that verifies every signature, and a server that takes its tokens alone.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt};

use jiff::SignedDuration;

use crate::{
    end_to_end::{fleet, push},
    kit::{
        binary::{Machine, Ran},
        certificates::{Certificates, Leaf},
        git::Bare,
        git_server::{Door, GitServer},
        github::{APP, GitHub, INSTALLATION, Mood, Rules},
        process::{Daemon, configuration, repository},
        registry::{Mode, Registry, program, run},
    },
};

/// A registry, a repository `acme/fleet` that wants its tokens, and GitHub.
pub(crate) struct Scene {
    pub(crate) registry: Registry,
    pub(crate) fleet: Bare,
    pub(crate) github: GitHub,
    pub(crate) server: GitServer,
    pub(crate) machine: Machine,
}

impl Scene {
    pub(crate) fn new(rules: Rules) -> Self {
        let registry = Registry::start(Mode::Open);
        push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
        let fleet = fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1");
        std::os::unix::fs::symlink(".", fleet.root().join("acme")).unwrap();
        let github = GitHub::start(rules);
        let server = GitServer::start(fleet.root(), github.door());
        let scene = Self { registry, fleet, github, server, machine: Machine::new() };
        scene.key("app.pem");
        scene
    }

    /// Puts a key of the App beside the configuration, for its user alone.
    fn key(&self, name: &str) {
        let file = self.machine.file("work/app.pem", fs::read(self.github.keys().join(name)).unwrap());
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn url(&self) -> String {
        self.server.url_of("", "acme/fleet.git")
    }

    /// The keys of an entry, beside `apiUrl`.
    fn app(&self, keys: &str) -> String {
        format!("githubApp: {{ {keys}, apiUrl: '{}' }}", self.github.url())
    }

    pub(crate) fn configure(&self, keys: &str) {
        self.machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', {} }}\n", self.url(), self.app(keys)));
    }

    pub(crate) fn run(&self, verb: &str) -> Ran {
        self.machine.call([verb, &self.url()]).run()
    }

    fn told(&self, ran: &Ran) -> String {
        ran.told(&[(&self.url(), "URL"), (&self.github.url(), "API")])
    }

    pub(crate) fn daemon(&self, keys: &str) -> Daemon {
        let entry = repository("fleet", &self.url(), &self.app(keys));
        Daemon::start(&self.machine, &configuration("", &[self.registry.host()], &[entry]))
    }
}

const KEY: &str = "id: 123456, privateKeyFile: app.pem";
const KNOWN: &str = "id: 123456, privateKeyFile: app.pem, installationId: 42";

#[test]
fn an_app_pushes_with_one_token_of_the_narrowest_rights() {
    let find = "GET /repos/acme/fleet/installation".to_owned();
    let mint = |wish: &str| format!("POST /app/installations/{INSTALLATION}/access_tokens {wish}");
    let narrow = mint(r#"{"permissions":{"contents":"write"},"repositories":["fleet"]}"#);
    for (word, keys, file, asked) in [
        ("as GitHub gives the key", KEY, "app.pem", vec![find.clone(), narrow.clone()]),
        ("in the other form", KEY, "app8.pem", vec![find.clone(), narrow.clone()]),
        ("a text as id", "id: '123456', privateKeyFile: app.pem", "app.pem", vec![find.clone(), narrow.clone()]),
        ("the installation is known", KNOWN, "app.pem", vec![narrow.clone()]),
        ("a variable", "id: 123456, privateKeyEnv: KEY", "app.pem", vec![find.clone(), narrow.clone()]),
        ("a variable of one line", "id: 123456, privateKeyEnv: LINE", "app.pem", vec![find.clone(), narrow.clone()]),
    ] {
        let scene = Scene::new(Rules::default());
        scene.key(file);
        scene.configure(keys);
        let text = fs::read_to_string(scene.github.keys().join(file)).unwrap();
        let ran = scene.machine.call(["apply", &scene.url()]).env("KEY", &text).env("LINE", text.replace('\n', "\\n")).run();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{word}: {}", ran.out);
        assert_eq!(ran.last(), format!("pushed {} to main (1 update)", &scene.fleet.tip("main").unwrap()[..7]), "{word}");
        assert_eq!(scene.github.asked(), asked, "{word}");
        assert_eq!(scene.fleet.faults(), "");
    }
}

#[test]
fn what_stands_in_the_way_is_gone_round() {
    let hour = SignedDuration::from_hours(1);
    for (word, rules, asked) in [
        ("our clock is late", Rules { ahead: hour, ..Rules::default() }, 3),
        ("our clock is early", Rules { ahead: -hour, ..Rules::default() }, 3),
        ("the App may not write", Rules { mood: Mood::Reader, ..Rules::default() }, 3),
    ] {
        let scene = Scene::new(rules);
        scene.configure(KEY);
        scene.run("plan").ended(0);
        assert_eq!(scene.github.asked().len(), asked, "{word}");
    }
}

#[test]
fn an_app_without_a_token_says_why_in_one_sentence() {
    let message = |text: &str| format!("{{\"message\": \"{text}\"}}");
    let scene = Scene::new(Rules::default());
    run(program("openssl").args(["genrsa", "-out", "other.pem", "2048"]).current_dir(scene.machine.work()), "openssl");
    fs::set_permissions(scene.machine.work().join("other.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut sentences = String::new();
    for (word, keys, mood) in [
        ("another App", "id: 1, privateKeyFile: app.pem", Mood::Good),
        ("another key", "id: 123456, privateKeyFile: other.pem", Mood::Good),
        ("no such installation", "id: 123456, privateKeyFile: app.pem, installationId: 7", Mood::Good),
        ("not installed", KEY, Mood::Answer(404, &[], message("Not Found"))),
        ("suspended", KEY, Mood::Answer(403, &[], message("This installation has been suspended"))),
        (
            "not allowed",
            KEY,
            Mood::Answer(403, &[], message("Although you appear to have the correct authorization credentials, the IP is not allowed")),
        ),
        ("not covered", KNOWN, Mood::Answer(422, &[], message("There is at least one repository that is not accessible"))),
        ("too often", KEY, Mood::Answer(429, &[("retry-after", "60")], message("slow down"))),
        ("too often, in other words", KEY, Mood::Answer(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")], message("rate limit"))),
        ("it is broken", KEY, Mood::Answer(502, &[], "<html>".to_owned())),
        ("no API", KEY, Mood::Answer(200, &[], "<html>".to_owned())),
        ("no API, and it says so", KEY, Mood::Answer(404, &[], "<html>".to_owned())),
        ("no id", KEY, Mood::Answer(200, &[], "{}".to_owned())),
        ("no token", KNOWN, Mood::Answer(201, &[], "{\"token\": \"\", \"expires_at\": \"2090-01-01T00:00:00Z\"}".to_owned())),
        ("no end", KNOWN, Mood::Answer(201, &[], "{\"token\": \"ghs_x\", \"expires_at\": \"soon\"}".to_owned())),
        ("a long answer", KEY, Mood::Answer(200, &[], " ".repeat(2 << 20))),
        ("elsewhere", KEY, Mood::Answer(302, &[("location", "http://127.0.0.2/")], String::new())),
    ] {
        scene.github.behave(mood);
        scene.configure(keys);
        let ran = scene.run("plan");
        let told = scene.told(&ran);
        let until = told.find("until ").map(|at| told[at..].split(' ').nth(1).unwrap().trim_end().to_owned());
        write!(sentences, "{word}: {}\n{}", ran.code, until.map_or(told.clone(), |until| told.replace(&until, "TIME"))).unwrap();
        assert_eq!(scene.server.requests(), <[String; 0]>::default(), "{word}: Git is not asked");
    }
    insta::assert_snapshot!(sentences, @r#"
    another App: 1
    error: cannot fetch from `URL`: GitHub App `1` got no token from `API`: it refuses the App's key: "Integration must generate a public key"
      hint: check `id` and the private key under `githubApp`, whether the key was deleted on the App's page, and this machine's clock
    another key: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: it refuses the App's key: "A JSON web token could not be verified: ***"
      hint: check `id` and the private key under `githubApp`, whether the key was deleted on the App's page, and this machine's clock
    no such installation: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: the App has no installation 7
      hint: leave `installationId` out, or take it from the address of the installation's page
    not installed: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: the App is not installed for `acme/fleet`, or there is no such repository
      hint: install the App for the repository, with read and write access to its contents
    suspended: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: the installation is suspended
      hint: an owner of the account can end the suspension on the installation's page
    not allowed: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: it does not allow this: "Although you appear to have the correct authorization credentials, the IP is not allowed"
      hint: give the App read and write access to contents, and look at the account's list of allowed addresses
    not covered: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: the installation does not cover this repository: "There is at least one repository that is not accessible"
      hint: add the repository to the installation, and give the App read and write access to contents
    too often: 3
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: it was asked too often, and wants to be left alone until TIME
      hint: nothing is to be done: it is asked again then
    too often, in other words: 3
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: it was asked too often, and wants to be left alone until TIME
      hint: nothing is to be done: it is asked again then
    it is broken: 3
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: it answered with HTTP status 502
      hint: try again later
    no API: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its answer cannot be used: it is no JSON
      hint: check `apiUrl`: https://api.github.com, or https://HOST/api/v3
    no API, and it says so: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its answer cannot be used: it is none of GitHub's API
      hint: check `apiUrl`: https://api.github.com, or https://HOST/api/v3
    no id: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its answer cannot be used: it gives no `id` of an installation
      hint: check `apiUrl`: https://api.github.com, or https://HOST/api/v3
    no token: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its answer cannot be used: it gives a `token` that is none
      hint: check `apiUrl`: https://api.github.com, or https://HOST/api/v3
    no end: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its answer cannot be used: its `expires_at` is no time
      hint: check `apiUrl`: https://api.github.com, or https://HOST/api/v3
    a long answer: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its answer cannot be used: it is longer than 1 MiB
      hint: check `apiUrl`: https://api.github.com, or https://HOST/api/v3
    elsewhere: 1
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: it sends us elsewhere, which is not followed
      hint: check `apiUrl`: https://api.github.com, or https://HOST/api/v3
    "#);
}

#[test]
fn an_api_that_is_not_there_is_told() {
    let scene = Scene::new(Rules::default());
    let text = format!("repositories:\n- {{ url: '{}', githubApp: {{ {KEY}, apiUrl: 'http://127.0.0.1:1' }} }}\n", scene.url());
    scene.machine.file("work/tagalong.yaml", text);
    let ran = scene.run("plan").ended(3);
    insta::assert_snapshot!(scene.told(&ran), @r"
    error: cannot fetch from `URL`: GitHub App `123456` got no token from `http://127.0.0.1:1`: it cannot be reached: Connection refused (os error 111)
      hint: check `apiUrl`, this machine's DNS and any proxy
    ");
}

#[test]
fn an_api_on_the_host_of_the_repository_is_trusted_as_that_is() {
    let certificates = Certificates::make();
    certificates.leaf("good", Leaf { signer: "root", names: "DNS:localhost,IP:127.0.0.1", year: None });
    let scene = Scene::new(Rules::default());
    let github = GitHub::start_tls(Rules::default(), certificates.path(), "good");
    let server = GitServer::start_tls(scene.fleet.root(), github.door(), certificates.path(), "good");
    fs::copy(github.keys().join("app.pem"), scene.machine.work().join("app.pem")).unwrap();
    let url = server.url_of("", "acme/fleet.git");
    let root = format!(", caFile: '{}'", certificates.path().join("root.pem").display());
    let mut sentences = String::new();
    for (word, host, trust) in [
        ("the authority of the repository", "localhost", &*root),
        ("insecure", "localhost", ", insecure: true"),
        ("nobody", "localhost", ""),
        ("the authority of another host", "127.0.0.1", &*root),
        ("insecure is another host", "127.0.0.1", ", insecure: true"),
    ] {
        let app = format!("githubApp: {{ {KEY}, apiUrl: '{}' }}{trust}", github.url_at(host));
        scene.machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{url}', {app} }}\n"));
        let ran = scene.machine.call(["plan", &url]).run();
        let told = if ran.code == 0 { "well\n".to_owned() } else { ran.told(&[(&url, "URL"), (&github.url_at(host), "API")]) };
        write!(sentences, "{word}: {told}").unwrap();
    }
    insta::assert_snapshot!(sentences, @r"
    the authority of the repository: well
    insecure: well
    nobody: error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its certificate is not vouched for: nobody whom this machine trusts signed it
      hint: let this machine trust its authority; `caFile` counts where the API is on the repository's host
    the authority of another host: error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its certificate is not vouched for: nobody whom this machine trusts signed it
      hint: let this machine trust its authority; `caFile` counts where the API is on the repository's host
    insecure is another host: error: cannot fetch from `URL`: GitHub App `123456` got no token from `API`: its certificate is not vouched for: nobody whom this machine trusts signed it
      hint: let this machine trust its authority; `caFile` counts where the API is on the repository's host
    ");
}

#[test]
fn a_key_is_examined_without_asking_anybody() {
    let scene = Scene::new(Rules::default());
    let work = scene.machine.work();
    let openssl = |line: &str| drop(run(program("openssl").args(line.split(' ')).current_dir(&work), "openssl"));
    openssl("ecparam -genkey -name prime256v1 -noout -out ec.pem");
    openssl("genrsa -out small.pem 1024");
    openssl("genrsa -aes128 -passout pass:x -out locked.pem 2048");
    openssl("rsa -in app.pem -pubout -out public.pem");
    let whole = fs::read_to_string(work.join("app.pem")).unwrap();
    scene.machine.file("work/cut.pem", format!("{}-----END RSA PRIVATE KEY-----\n", &whole[..whole.len() / 2]));
    for (name, text) in [("empty.pem", ""), ("text.pem", "123456\n")] {
        scene.machine.file(&format!("work/{name}"), text);
    }
    fs::write(work.join("open.pem"), &whole).unwrap();
    fs::set_permissions(work.join("open.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut sentences = String::new();
    for name in ["app", "open", "missing", "empty", "text", "public", "ec", "small", "locked", "cut"] {
        scene.configure(&format!("id: 123456, privateKeyFile: {name}.pem"));
        let ran = scene.machine.call(["check", "--config-only"]).run();
        write!(sentences, "{name}: {}\n{}", ran.code, ran.told(&[(&work.display().to_string(), "WORK")])).unwrap();
    }
    scene.configure("id: 123456, privateKeyEnv: KEY");
    write!(sentences, "no variable\n{}", scene.machine.run("check --config-only").told(&[])).unwrap();
    assert_eq!(scene.github.asked(), <[String; 0]>::default());
    insta::assert_snapshot!(sentences, @r"
    app: 0
    tagalong.yaml: 1 repository and 0 registries configured, nothing stands in the way
    open: 0
    tagalong.yaml:2: warning: every user of this machine can read the GitHub App's key `open.pem`; `chmod 600 open.pem` ends that
    tagalong.yaml: 1 repository and 0 registries configured, nothing stands in the way
    missing: 1
    tagalong.yaml:2: error: cannot read the GitHub App's key in `missing.pem`: No such file or directory (os error 2)
      hint: put the App's private key into `missing.pem` and let this user read it
    1 fault
    empty: 1
    tagalong.yaml:2: error: cannot use the GitHub App's key in `empty.pem`: it holds no private key in PEM
      hint: generate a private key on the App's page at GitHub, and give the file as it comes: `-----BEGIN RSA PRIVATE KEY-----`
    1 fault
    text: 1
    tagalong.yaml:2: error: cannot use the GitHub App's key in `text.pem`: it holds no private key in PEM
      hint: generate a private key on the App's page at GitHub, and give the file as it comes: `-----BEGIN RSA PRIVATE KEY-----`
    1 fault
    public: 1
    tagalong.yaml:2: error: cannot use the GitHub App's key in `public.pem`: it holds no private key in PEM
      hint: generate a private key on the App's page at GitHub, and give the file as it comes: `-----BEGIN RSA PRIVATE KEY-----`
    1 fault
    ec: 1
    tagalong.yaml:2: error: cannot use the GitHub App's key in `ec.pem`: it is no RSA key
      hint: generate a private key on the App's page at GitHub, and give the file as it comes: `-----BEGIN RSA PRIVATE KEY-----`
    1 fault
    small: 1
    tagalong.yaml:2: error: cannot use the GitHub App's key in `small.pem`: it is an RSA key of a size that is not taken: 2048 to 4096 bits are
      hint: generate a private key on the App's page at GitHub, and give the file as it comes: `-----BEGIN RSA PRIVATE KEY-----`
    1 fault
    locked: 1
    tagalong.yaml:2: error: cannot use the GitHub App's key in `locked.pem`: it is encrypted, as GitHub's keys are not
      hint: generate a private key on the App's page at GitHub, and give the file as it comes: `-----BEGIN RSA PRIVATE KEY-----`
    1 fault
    cut: 1
    tagalong.yaml:2: error: cannot use the GitHub App's key in `cut.pem`: it holds no private key in PEM
      hint: generate a private key on the App's page at GitHub, and give the file as it comes: `-----BEGIN RSA PRIVATE KEY-----`
    1 fault
    no variable
    tagalong.yaml:2: error: cannot read the secret in the variable `KEY`: it is not set
      hint: set `KEY` where this program is started
    1 fault
    ");
}

#[test]
fn a_token_is_renewed_before_it_expires() {
    let scene = Scene::new(Rules { lifetime: SignedDuration::from_secs(3), ..Rules::default() });
    let mut daemon = scene.daemon(KEY);
    daemon.says(&["\"pushed\"", "fleet"]);
    let given = scene.github.given().len();
    daemon.shows("/metrics", |_, _| scene.github.given().len() > given + 2);
    push(&scene.registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "fleet"]);
    let told = daemon.told();
    assert!(!told.contains("\"error\"") && !told.contains("\"warn\""), "{told}");
    let refused = scene.server.refused();
    assert_eq!(refused, 0, "no token was ever refused: {told}");
}

#[test]
fn a_token_that_git_refuses_is_replaced_at_once() {
    let scene = Scene::new(Rules::default());
    let mut daemon = scene.daemon(KEY);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(scene.github.given().len(), 1, "one for all cycles");
    scene.github.revoke();
    push(&scene.registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(scene.github.given().len(), 2);
    let told = daemon.told();
    assert!(!told.contains("\"error\"") && !told.contains("\"warn\""), "{told}");
}

#[test]
fn a_refused_app_holds_up_its_own_repository_alone() {
    let scene =
        Scene::new(Rules { mood: Mood::Answer(403, &[], "{\"message\": \"This installation has been suspended\"}".to_owned()), ..Rules::default() });
    let open = fleet(&format!("{}/shop/web:1.4.2", scene.registry.host()), "semver:~1");
    let entries = [repository("closed", &scene.url(), &scene.app(KEY)), repository("open", &open.file_url(), "")];
    let mut daemon = Daemon::start(&scene.machine, &configuration("", &[scene.registry.host()], &entries));
    daemon.says(&["closed", "the installation is suspended; an owner"]);
    daemon.shows("/metrics", |_, page| page.contains("repository=\"open\""));
    daemon.shows("/readyz", |_, page| page.starts_with("ready\nfails: repository closed") && page.lines().count() == 2);
    scene.github.behave(Mood::Good);
    daemon.says(&["\"pushed\"", "closed"]);
    daemon.shows("/readyz", |_, page| page == "ready\n");
}

#[test]
fn an_installation_that_was_made_anew_is_found() {
    let scene = Scene::new(Rules::default());
    let mut daemon = scene.daemon(KEY);
    daemon.says(&["\"pushed\"", "fleet"]);
    scene.github.behave(Mood::Reinstalled);
    scene.github.revoke();
    push(&scene.registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "fleet"]);
}

#[test]
fn a_rotated_key_is_taken_up() {
    let scene = Scene::new(Rules::default());
    let good = fs::read(scene.machine.work().join("app.pem")).unwrap();
    run(program("openssl").args(["genrsa", "-out", "app.pem", "2048"]).current_dir(scene.machine.work()), "openssl");
    let mut daemon = scene.daemon(KEY);
    daemon.says(&["it refuses the App's key"]);
    scene.machine.file("work/app.pem", good);
    daemon.says(&["\"pushed\"", "fleet"]);
}

#[test]
fn a_password_in_the_url_wins_over_the_app() {
    let scene = Scene::new(Rules::default());
    let server = GitServer::start(scene.fleet.root(), Door::Basic("bot", "typed"));
    let url = server.url_of("bot:typed@", "acme/fleet.git");
    scene.machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', {} }}\n", server.url_of("", "acme/fleet.git"), scene.app(KEY)));
    scene.machine.call(["plan", &url]).run().ended(0);
    assert_eq!((scene.github.asked(), APP), (Vec::new(), "123456"));
}
