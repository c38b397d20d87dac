use super::{case, check};

#[test]
fn tags_stay_in_their_series() {
    check(&[
        ("nginx", "semver:~1.27", "1.27.3-alpine", "1.27.3-alpine 1.27.4 1.27.4-alpine 1.28.0 1.27-alpine alpine", "updated 1.27.4-alpine"),
        ("nginx perl", "semver:1.x", "1.25.3-perl", "1.25.3-perl 1.25.4-alpine-perl 1.25.4-perl", "updated 1.25.4-perl"),
        ("postgres", "semver:~16", "16.1-alpine3.18", "16.1-alpine3.18 16.2-alpine3.19 16.2-alpine 16.2-bookworm", "updated 16.2-alpine3.19"),
        ("redis", "semver:7", "7.2.3-bookworm", "7.2.3-bookworm 7.2.4-bookworm 7.2.4-alpine 7.2.4", "updated 7.2.4-bookworm"),
        ("traefik", "semver:2", "v2.10.7", "v2.10.7 v2.11.0 v3.0.0-beta5 v2.11.0-rc1 v2.11.0-windowsservercore-1809", "updated v2.11.0"),
        ("grafana", "semver:*", "10.3.1", "10.3.1 10.3.1-ubuntu 10.4.0 main", "updated 10.4.0"),
        (
            "bitnami",
            "semver:~15",
            "15.4.0-debian-11-r10",
            "15.4.0-debian-11-r10 15.4.0-debian-11-r45 15.5.0-debian-12-r1 15.5.0",
            "updated 15.5.0-debian-12-r1",
        ),
        ("bitnami revision", "semver:~15", "15.4.0-debian-11-r9", "15.4.0-debian-11-r9 15.4.0-debian-11-r10", "updated 15.4.0-debian-11-r10"),
        ("linuxserver", "semver:4", "4.0.1.929-ls200", "4.0.1.929-ls200 4.0.1.929-ls203 4.0.1.929", "updated 4.0.1.929-ls203"),
        ("sonarr", "semver:~4", "4.0.19.2991", "4.0.19.2995 4.0.19.2991 develop", "updated 4.0.19.2995"),
        (
            "dotnet",
            "semver:8",
            "8.0.1-bookworm-slim-amd64",
            "8.0.1-bookworm-slim-amd64 8.0.2-bookworm-slim-amd64 8.0.2-bookworm-slim-arm64v8",
            "updated 8.0.2-bookworm-slim-amd64",
        ),
        (
            "windows",
            "semver:8",
            "8.0-windowsservercore-ltsc2019",
            "8.1-windowsservercore-ltsc2022 8.0-windowsservercore-ltsc2019",
            "current 8.0-windowsservercore-ltsc2019 elsewhere 8.1-windowsservercore-ltsc2022",
        ),
        (
            "temurin",
            "semver:17",
            "17.0.9_9-jre-alpine",
            "17.0.9_9-jre-alpine 17.0.10_7-jre-alpine 17.0.10_7-jdk-alpine",
            "updated 17.0.10_7-jre-alpine",
        ),
        (
            "maven",
            "semver:3",
            "3.9.5-eclipse-temurin-17",
            "3.9.5-eclipse-temurin-17 3.9.6-eclipse-temurin-21 3.9.6-eclipse-temurin-17",
            "updated 3.9.6-eclipse-temurin-17",
        ),
        ("k3s", "semver:~1.27", "v1.27.3-k3s1", "v1.27.3-k3s1 v1.27.4-k3s1 v1.27.4-rc1-k3s1 v1.27.5-rc2-k3s1", "updated v1.27.4-k3s1"),
        (
            "rke2",
            "semver:1",
            "v1.27.3-rke2r1-build20230711",
            "v1.27.3-rke2r1-build20230711 v1.27.3-rke2r2-build20230801",
            "updated v1.27.3-rke2r2-build20230801",
        ),
        (
            "eks coredns",
            "semver:*",
            "v1.10.1-eksbuild.6",
            "v1.10.1-eksbuild.6 v1.10.1-eksbuild.7 v1.11.1-eksbuild.4 v1.11.1",
            "updated v1.11.1-eksbuild.4",
        ),
        ("etcd", "semver:3", "3.5.10-0", "3.5.10-0 3.5.11-0 3.5.12", "updated 3.5.11-0 elsewhere 3.5.12"),
        ("confluent", "semver:7", "7.5.3-1-ubi8", "7.5.3-1-ubi8 7.5.3-2-ubi8 7.6.0-1-ubi8 7.6.0-1-ubi9", "updated 7.6.0-1-ubi8"),
        ("pgvector", "semver:*", "0.5.1-pg14", "0.5.1-pg14 0.6.0-pg14 0.6.0-pg16 pg14", "updated 0.6.0-pg14"),
        ("home-assistant", "semver:>=2023", "2024.1.5", "2024.1.5 2024.1.6 2024.2.0b3 2024.2.0.dev20240110 stable beta", "updated 2024.1.6"),
        ("gitlab", "semver:16", "16.8.1-ce.0", "16.8.1-ce.0 16.8.2-ce.0 16.9.0-rc42.ce.0 16.8.2-ee.0", "updated 16.8.2-ce.0"),
        (
            "rabbitmq",
            "semver:3",
            "3.12.12-management-alpine",
            "3.12.12-management-alpine 3.12.13-management-alpine 3.13.0-rc.4-management-alpine 3.12.13-alpine",
            "updated 3.12.13-management-alpine",
        ),
        ("elasticsearch", "semver:8", "8.11.4", "8.11.4 8.12.0 8.13.0-SNAPSHOT 7.17.17", "updated 8.12.0"),
        (
            "clickhouse",
            "semver:24",
            "24.1.2.5-alpine",
            "24.1.2.5-alpine 24.1.3.31-alpine 24.1-alpine 24.1.5.6",
            "updated 24.1.3.31-alpine elsewhere 24.1.5.6",
        ),
        (
            "nextcloud",
            "semver:28",
            "28.0.1-fpm-alpine",
            "28.0.1-fpm-alpine 28.0.2-fpm-alpine 28-fpm-alpine 28.0.2-apache",
            "updated 28.0.2-fpm-alpine",
        ),
        ("keycloak", "semver:*", "23.0.4", "23.0.4 23.0.4-0 23.0.6 23.0.6-0 4.8.3.Final nightly", "updated 23.0.6"),
        ("calico", "semver:~3", "v3.27.0", "v3.27.0 v3.27.2 v3.28.0-0.dev-231-ga1b2c3d v3.27.2-amd64", "updated v3.27.2"),
        ("cilium", "semver:~1.15.0-0", "v1.15.0-rc.1", "v1.15.0-rc.1 v1.15.0-rc.0 v1.15.0-pre.3", "current v1.15.0-rc.1"),
        ("git describe", "semver:*", "1.2.3-14-g1a2b3c4", "1.2.3-14-g1a2b3c4 1.2.3-15-g0a2b3c4", "updated 1.2.3-15-g0a2b3c4"),
        ("post-release", "semver:12", "12.0.1", "12.0.1 12.0.1-security-01 12.0.0-security-02", "updated 12.0.1-security-01"),
    ]);
}

#[test]
fn candidates_have_as_many_numbers_as_the_current_tag() {
    check(&[
        ("three and fewer", "semver:*", "1.4.2", "1.4.2 1337 1.5 1.4.3", "updated 1.4.3 elsewhere 1.5"),
        ("three and more", "semver:*", "1.4.2", "1.4.2 1.4.2.1", "updated 1.4.2.1"),
        ("flavour", "semver:*", "1.27.3-alpine", "1.27.3-alpine 1.28.0", "current 1.27.3-alpine elsewhere 1.28.0"),
        ("two", "semver:*", "16.1", "16.1 16 17 16.2 16.2.1", "updated 16.2.1"),
        ("one", "semver:*", "7", "7 8 7.2", "updated 8"),
        ("one digit more", "semver:*", "7", "7 12", "updated 12"),
        ("two digits more", "semver:*", "7", "7 1337 20240101", "current 7"),
        ("dates beside dates", "semver:*", "20240101", "20240101 20240601", "updated 20240601"),
        ("one number against dotted years", "semver:*", "7", "7 2024.1", "current 7"),
        ("leading zeros are no digits", "semver:*", "7", "7 0008 00123", "updated 0008"),
    ]);
}

#[test]
fn without_a_version_in_git_plain_releases_take_part() {
    check(&[
        ("placeholder", "semver:*", "placeholder", "1 1.2 1.2.3 1.2.2-alpine 1.2.2-3", "switched 1.2.3"),
        ("absent", "semver:*", "-", "1 1.2 1.2.3 1.2.2-alpine", "switched 1.2.3"),
        ("latest", "semver:*", "latest", "latest 1.2.3", "switched 1.2.3"),
        ("one number only", "semver:*", "dev", "1336 1337", "noTagMatches -"),
        ("flavours only", "semver:*", "dev", "1.2.3-alpine 1.2.4-alpine dev", "noTagMatches - elsewhere 1.2.4-alpine"),
        ("builds only", "semver:*", "dev", "1.2.3-4", "noTagMatches - elsewhere 1.2.3-4"),
        ("pre-releases", "semver:*-0", "dev", "1.2.3-rc1 1.2.2", "switched 1.2.3-rc1"),
    ]);
}

#[test]
fn channels_stay_channels() {
    check(&[
        ("snapshot", "semver:8", "8.12.0-SNAPSHOT", "8.12.0-SNAPSHOT 8.13.0-SNAPSHOT", "updated 8.13.0-SNAPSHOT"),
        ("release of a snapshot", "semver:8", "8.12.0-SNAPSHOT", "8.12.0-SNAPSHOT 8.12.0", "current 8.12.0-SNAPSHOT elsewhere 8.12.0"),
        ("later release", "semver:8", "8.12.0-SNAPSHOT", "8.12.0-SNAPSHOT 8.13.1", "current 8.12.0-SNAPSHOT elsewhere 8.13.1"),
        ("dev with a number is a pre-release", "semver:>=1.0.0-0", "1.2.0-dev.1", "1.2.0-dev.1 1.2.0-dev.2 1.2.0", "updated 1.2.0"),
        ("release of a request", "semver:*", "1.2.0-pr.5", "1.2.0-pr.5 1.2.0-pr.6 1.2.0", "current 1.2.0-pr.5 elsewhere 1.2.0"),
        ("other flavours are not on the way", "semver:*", "1.2.0-alpine", "1.2.0-alpine 1.2.0", "current 1.2.0-alpine"),
    ]);
}

#[test]
fn pre_releases_lose_unless_the_range_names_one() {
    check(&[
        ("no comparator", "semver:*", "1.0.0", "1.0.0 1.1.0-rc1 1.1.0-beta.2", "current 1.0.0"),
        ("in its own group", "semver:>=1.0.0-0", "1.0.0", "1.0.0 1.1.0-rc1", "updated 1.1.0-rc1"),
        ("in another group", "semver:~1.0 || >=3.0.0-0", "1.0.0", "1.0.0 1.0.1-rc1 3.0.0-rc1", "updated 3.0.0-rc1"),
        ("another comparator of its group", "semver:>=1.0.0-0 <2", "1.0.0", "1.0.0 1.9.0-rc1", "updated 1.9.0-rc1"),
        ("current pre-release", "semver:*", "1.1.0-rc1", "1.1.0-rc1 1.1.0-rc2", "noTagMatches -"),
        ("moved to its release", "semver:*", "1.1.0-rc1", "1.1.0-rc1 1.1.0", "switched 1.1.0"),
        ("words and numbers", "semver:>=1-0", "1.0.0-rc9", "1.0.0-rc9 1.0.0-rc10 1.0.0-beta11", "updated 1.0.0-rc10"),
        ("flavour of an operand", "semver:>=1.27.0-alpine", "1.27.0", "1.27.0 1.28.0-rc1 1.28.0-alpine", "current 1.27.0 elsewhere 1.28.0-alpine"),
    ]);
}

#[test]
fn ties_go_to_the_spelling_of_the_current_tag() {
    check(&[
        ("same v", "semver:*", "v1.0.0", "v1.0.0 v1.1.0 1.1.0", "updated v1.1.0"),
        ("without v", "semver:*", "1.0.0", "1.0.0 v1.1.0 1.1.0", "updated 1.1.0"),
        ("same count", "semver:*", "1.9", "1.9 1.10 1.10.0", "updated 1.10"),
        ("same count of three", "semver:*", "1.9.0", "1.9.0 1.10 1.10.0", "updated 1.10.0"),
        ("same padding", "semver:*", "2024.01.5", "2024.01.5 2024.2.5 2024.02.5", "updated 2024.02.5"),
        ("without padding", "semver:*", "2024.1.5", "2024.1.5 2024.2.5 2024.02.5", "updated 2024.2.5"),
        ("then more numbers", "semver:*", "placeholder", "1.10 1.10.0", "switched 1.10.0"),
        ("then the greater text", "semver:*", "placeholder", "v1.10.0 1.10.0", "switched v1.10.0"),
        ("the current tag itself", "semver:>=1-0", "1.0.0-rc.1", "1.0.0-rc1 1.0.0-rc.1", "current 1.0.0-rc.1"),
    ]);
}

#[test]
fn build_times_decide_between_commit_ids() {
    check(&[
        ("newer commit", "semver:*", "1.0.0-1a2b3c4", "1.0.0-1a2b3c4=2025-01-01 1.0.0-9f8e7d6=2025-02-01", "updated 1.0.0-9f8e7d6"),
        ("older commit", "semver:*", "1.0.0-1a2b3c4", "1.0.0-1a2b3c4=2025-03-01 1.0.0-9f8e7d6=2025-02-01", "current 1.0.0-1a2b3c4"),
        (
            "higher version first",
            "semver:*",
            "1.0.0-1a2b3c4",
            "1.0.1-0a2b3c4!unread 1.0.0-9f8e7d6=2025-02-01",
            "metadataMissing - look? 1.0.1-0a2b3c4",
        ),
        (
            "only theirs is fetched",
            "semver:*",
            "1.0.0-1a2b3c4",
            "1.0.0-1a2b3c4!unread 1.0.1-0a2b3c4!unread 1.0.1-5a2b3c4!unread",
            "metadataMissing - look? 1.0.1-5a2b3c4 look? 1.0.1-0a2b3c4",
        ),
        ("no times, current among them", "semver:*", "1.0.0-1a2b3c4", "1.0.0-1a2b3c4 1.0.0-9f8e7d6 0.9.0-1234abc", "current 1.0.0-1a2b3c4"),
        ("no times, current not among them", "semver:*", "0.9.0-1a2b3c4", "0.9.0-1a2b3c4 1.0.0-1a2b3c4 1.0.0-9f8e7d6", "noBuildTime -"),
        ("one without a time", "semver:*", "0.9.0-1a2b3c4", "1.0.0-1a2b3c4=2025-01-01 1.0.0-9f8e7d6", "switched 1.0.0-1a2b3c4"),
        ("one is gone", "semver:*", "0.9.0-1a2b3c4", "1.0.0-1a2b3c4=2025-01-01 1.0.0-9f8e7d6!gone", "switched 1.0.0-1a2b3c4"),
        ("one cannot be read", "semver:*", "0.9.0-1a2b3c4", "1.0.0-1a2b3c4=2025-01-01 1.0.0-9f8e7d6!failed", "unreachable -"),
        ("date before commit", "semver:*", "1.0-20240101-1a2b3c4", "1.0-20240102-9f8e7d6 1.0-20240101-1a2b3c4", "updated 1.0-20240102-9f8e7d6"),
        ("digits as an id", "semver:*", "1.0.0-1a2b3c4", "1.0.0-1a2b3c4=2025-01-01 1.0.0-1234567=2025-02-01", "updated 1.0.0-1234567"),
        ("lower ones stay unread", "semver:*", "1.1.0-1a2b3c4", "1.0.0-9f8e7d6!unread 1.0.0-8f8e7d6!unread", "wouldGoBack 1.0.0-9f8e7d6"),
        ("one alone", "semver:*", "1.0.0-1a2b3c4", "1.0.1-9f8e7d6 1.0.0-1a2b3c4!unread", "updated 1.0.1-9f8e7d6"),
    ]);
}

#[test]
fn newer_elsewhere_names_the_highest_in_range_outside_the_series() {
    check(&[
        ("other flavour", "semver:~1", "1.2.3-alpine", "1.2.3-alpine 1.2.4", "current 1.2.3-alpine elsewhere 1.2.4"),
        ("fewer numbers", "semver:*", "1.2.3", "1.2.3 1.3", "current 1.2.3 elsewhere 1.3"),
        ("one number", "semver:*", "1.2.3", "1.2.3 1337", "current 1.2.3"),
        ("one number beside one", "semver:*", "7-alpine", "7-alpine 8", "current 7-alpine elsewhere 8"),
        ("outside the range", "semver:~1", "1.2.3-alpine", "1.2.3-alpine 2.0.0", "current 1.2.3-alpine"),
        ("below the winner", "semver:*", "1.2.3-alpine", "1.2.3-alpine 1.2.5-alpine 1.2.4", "updated 1.2.5-alpine"),
        ("above the winner", "semver:*", "1.2.3-alpine", "1.2.3-alpine 1.2.4-alpine 1.2.5", "updated 1.2.4-alpine elsewhere 1.2.5"),
        ("nothing wins", "semver:*", "1.2.3-alpine", "1.2.4 1.2.2", "noTagMatches - elsewhere 1.2.4"),
        ("pre-release", "semver:*", "1.2.3-alpine", "1.2.3-alpine 1.3.0-rc1", "current 1.2.3-alpine"),
        (
            "plain before flavours",
            "semver:*",
            "1.2.3-alpine",
            "1.2.3-alpine 1.2.4-slim 1.2.4 1.2.4-windowsservercore",
            "current 1.2.3-alpine elsewhere 1.2.4",
        ),
        ("with and without a build", "semver:*", "3.5.10-0", "3.5.10-0 3.5.12", "current 3.5.10-0 elsewhere 3.5.12"),
    ]);
    let excluded = super::Case { keys: &[("exclude", "1.2.4")], ..case("semver:~1", "1.2.3-alpine", "1.2.3-alpine 1.2.4") };
    assert_eq!(excluded.says(), "current 1.2.3-alpine", "an excluded tag is nowhere newer");
}
