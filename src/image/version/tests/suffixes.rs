use super::{read, version};

#[test]
fn pre_releases_stand_first() {
    for (word, text, expected) in [
        ("alpha", "1.0.0-alpha", "1.0.0 pre alpha:"),
        ("beta", "v3.0.0-beta5", "3.0.0 pre beta:5"),
        ("a", "1.0-a1", "1.0 pre a:1"),
        ("b", "1.0-b2", "1.0 pre b:2"),
        ("rc, glued", "2.11.0-rc9", "2.11.0 pre rc:9"),
        ("rc behind an underscore", "2.11.0_rc9", "2.11.0 pre rc:9"),
        ("rc, dotted", "v1.15.0-rc.9", "1.15.0 pre rc:9"),
        ("cr", "4.0.0-CR1", "4.0.0 pre CR:1"),
        ("pre", "1.0-pre2", "1.0 pre pre:2"),
        ("preview", "9.0.0-preview.1.24080.9", "9.0.0 pre preview:1.24080.9"),
        ("dev", "1.0-dev.3", "1.0 pre dev:3"),
        ("snapshot", "8.12.0-SNAPSHOT", "8.12.0 pre SNAPSHOT:"),
        ("nightly", "1.0-nightly", "1.0 pre nightly:"),
        ("canary", "1.0-canary.12", "1.0 pre canary:12"),
        ("unstable", "7.0-unstable", "7.0 pre unstable:"),
        ("next", "14.0.1-next.0", "14.0.1 pre next:0"),
        ("ea", "21-ea-jdk", "21 pre ea: flavour jdk"),
        ("m", "3.0.0-M4", "3.0.0 pre M:4"),
        ("milestone", "3.0.0-milestone-2", "3.0.0 pre milestone:2"),
        ("another dash", "1.0-beta-2", "1.0 pre beta:2"),
        ("another underscore", "1.0-beta_2", "1.0 pre beta:2"),
        ("three digits behind a dash", "1.0-beta-123", "1.0 pre beta:123"),
        ("four digits behind a dash are a build", "1.0-beta-1234", "1.0 pre beta: build <1234>"),
        ("a date is a build", "1.0-beta-20240101", "1.0 pre beta: build <20240101>"),
        ("a date behind an underscore", "1.0-beta_20240101", "1.0 pre beta: build <20240101>"),
        ("four digits behind a dot are its number", "1.0-dev.20240101", "1.0 pre dev:20240101"),
        ("four digits glued are its number", "1.0-dev20240101", "1.0 pre dev:20240101"),
        ("flavour behind it", "3.13.0-rc.4-management-alpine", "3.13.0 pre rc:4 flavour management-alpine"),
        ("second number is a build", "1.0-rc1-2", "1.0 pre rc:1 build <2>"),
        ("commit behind it", "3.28.0-0.dev-a1b2c3d", "3.28.0 build <0> flavour dev-#"),
        ("other word", "1.0-release", "1.0 flavour release"),
        ("word that goes on", "1.0-rcx", "1.0 flavour rcx"),
        ("later is a flavour", "1.0-alpine-rc1", "1.0 flavour alpine-rc1"),
    ] {
        assert_eq!(read(text), expected, "{word}");
    }
}

#[test]
fn post_releases_are_no_flavour() {
    for (word, text, expected) in [
        ("security", "12.0.1-security-01", "12.0.1 post security:01"),
        ("dotted to the numbers", "1.0.post1", "-"),
        ("post, glued number", "1.0-post1", "1.0 post post:1"),
        ("patch", "1.0-patch.2", "1.0 post patch:2"),
        ("hotfix", "1.0-hotfix", "1.0 post hotfix:"),
        ("fix", "1.0-fix3-alpine", "1.0 post fix:3 flavour alpine"),
        ("sp", "1.0-SP2", "1.0 post SP:2"),
        ("behind a pre-release", "1.0-rc1-patch2", "1.0 pre rc:1 post patch:2"),
        ("one number only", "1.0-patch1.2", "1.0 flavour patch1.2"),
    ] {
        assert_eq!(read(text), expected, "{word}");
    }
}

#[test]
fn builds_are_numbers_and_commit_ids() {
    for (word, text, expected) in [
        ("one digit", "7.5.3-1-ubi8", "7.5.3 build <1> flavour ubi8"),
        ("zero", "3.5.10-0", "3.5.10 build <0>"),
        ("underscore", "17.0.9_9-jre-alpine", "17.0.9 build <9> flavour jre-alpine"),
        ("date", "1.2.3-20240101", "1.2.3 build <20240101>"),
        ("dotted", "1.2.3-1134.10", "1.2.3 build <1134.10>"),
        ("date and commit", "1.2.3-20240101-1a2b3c4", "1.2.3 build <20240101> #"),
        ("git describe", "1.2.3-14-g1a2b3c4", "1.2.3 build <14> #"),
        ("git describe with digits alone", "1.2.3-14-g1234567", "1.2.3 build <14> #"),
        ("commit alone", "1.2.3-1a2b3c4", "1.2.3 build #"),
        ("commit before words", "1.2.3-b1a2c3d", "1.2.3 build #"),
        ("commit like an alpha", "1.2.3-a1234567", "1.2.3 build #"),
        ("whole commit", "1.2.3-0123456789abcdef0123456789abcdef01234567", "1.2.3 build #"),
        ("41 digits", "1.2.3-0123456789abcdef0123456789abcdef012345678", "1.2.3 flavour 0123456789abcdef0123456789abcdef012345678"),
        ("six digits", "1.2.3-1a2b3c", "1.2.3 flavour 1a2b3c"),
        ("letters alone", "1.2.3-abcdefa", "1.2.3 flavour abcdefa"),
        ("seven numbers", "1.2.3-1234567", "1.2.3 build <1234567>"),
        ("number and system", "4.18.0-3.el8", "4.18.0 build <3> flavour el8"),
    ] {
        assert_eq!(read(text), expected, "{word}");
    }
}

#[test]
fn a_dot_separates_behind_what_is_complete() {
    for (word, text, expected) in [
        ("pre-release and edition", "16.9.0-rc42.ce.0", "16.9.0 pre rc:42 flavour ce.<0>"),
        ("dotted pre-release and edition", "16.9.0-rc.42.ce.0", "16.9.0 pre rc:42 flavour ce.<0>"),
        ("number and system", "1.0-3.el8", "1.0 build <3> flavour el8"),
        ("post-release and word", "1.0-patch2.alpine", "1.0 post patch:2 flavour alpine"),
        ("a number follows", "1.0-3.8", "1.0 build <3.8>"),
        ("what stands before is not complete", "1.0-java.rc1", "1.0 flavour java.rc1"),
        ("pre-release and commit", "1.0-dev.1a2b3c4", "1.0 pre dev: build #"),
    ] {
        assert_eq!(read(text), expected, "{word}");
    }
}

#[test]
fn only_these_parts_of_a_flavour_float() {
    for (word, text, expected) in [
        ("alpine<n>", "1.27.3-alpine3.19", "1.27.3 flavour alpine<3.19>"),
        ("alpine without a number", "1.27.3-alpine", "1.27.3 flavour alpine"),
        ("debian-<n> and r<n>", "15.4.0-debian-11-r10", "15.4.0 flavour debian-<11>-r<10>"),
        ("ls<n>", "4.0.1.929-ls200", "4.0.1.929 flavour ls<200>"),
        ("k3s<n>", "v1.27.3-k3s1", "1.27.3 flavour k3s<1>"),
        ("k3s behind a candidate", "v1.28.1-rc2-k3s1", "1.28.1 pre rc:2 flavour k3s<1>"),
        ("rke2r<n> and build<n>", "v1.27.3-rke2r1-build20230711", "1.27.3 flavour rke2r<1>-build<20230711>"),
        ("<word>.<n> at the end", "16.8.1-ce.0", "16.8.1 flavour ce.<0>"),
        ("eksbuild", "v1.10.1-eksbuild.6", "1.10.1 flavour eksbuild.<6>"),
        ("<word>.<n> before the end", "16.8.1-ce.0-alpine", "16.8.1 flavour ce.0-alpine"),
        ("pull request", "1.2.0-pr.5", "1.2.0 flavour pr.5"),
        ("merge request", "1.2.0-MR.5", "1.2.0 flavour MR.5"),
        ("date", "1.2.0-alpine-20240101", "1.2.0 flavour alpine-<20240101>"),
        ("date with a time", "1.2.0-alpine-202401010930", "1.2.0 flavour alpine-<202401010930>"),
        ("date with a counter", "1.2.0-alpine-20240101.2", "1.2.0 flavour alpine-<20240101.2>"),
        ("seven digits", "1.2.0-alpine-2024010", "1.2.0 flavour alpine-2024010"),
        ("commit", "1.2.0-alpine-1a2b3c4", "1.2.0 flavour alpine-#"),
        ("arm64v8", "1.2.0-arm64v8", "1.2.0 flavour arm64v8"),
        ("pgvector", "0.6.0-pg14", "0.6.0 flavour pg14"),
        ("jdk17", "3.9.6-jdk17", "3.9.6 flavour jdk17"),
        ("maven", "3.9.6-eclipse-temurin-21-alpine", "3.9.6 flavour eclipse-temurin-21-alpine"),
        ("windows", "8.0-windowsservercore-ltsc2019", "8.0 flavour windowsservercore-ltsc2019"),
        ("cuda", "2.2.0-cuda11.8-cudnn8-runtime", "2.2.0 flavour cuda11.8-cudnn8-runtime"),
        ("ubuntu", "1.2.0-ubuntu22.04", "1.2.0 flavour ubuntu22.04"),
        ("ubi8", "7.5.3-ubi8", "7.5.3 flavour ubi8"),
        ("bookworm", "16.1-bookworm", "16.1 flavour bookworm"),
        ("another case does not float", "1.2.0-Alpine3", "1.2.0 flavour Alpine3"),
        ("only whole parts float", "1.2.0-xalpine3", "1.2.0 flavour xalpine3"),
    ] {
        assert_eq!(read(text), expected, "{word}");
    }
}

#[test]
fn a_series_is_a_flavour_and_whether_there_is_a_build() {
    for (word, a, b, same) in [
        ("plain", "1.2.3", "2.0", true),
        ("alpine moves", "16.1-alpine3.18", "16.2-alpine3.19", true),
        ("with and without a number", "16.1-alpine", "16.2-alpine3.19", false),
        ("bitnami", "15.4.0-debian-11-r10", "15.5.0-debian-12-r1", true),
        ("eks", "v1.10.1-eksbuild.6", "v1.11.1-eksbuild.4", true),
        ("gitlab", "16.8.1-ce.0", "16.9.0-rc42.ce.0", true),
        ("editions", "16.8.1-ce.0", "16.8.1-ee.0", false),
        ("java", "17.0.9_9-jre-alpine", "17.0.10_7-jre-alpine", true),
        ("jre and jdk", "17.0.9_9-jre-alpine", "17.0.10_7-jdk-alpine", false),
        ("build and none", "7.5.3-1-ubi8", "7.5.4-ubi8", false),
        ("build of two kinds", "1.0-3", "1.0-1a2b3c4", true),
        ("architecture", "1.2.0-arm64v8", "1.2.0-arm32v7", false),
        ("postgres major", "0.6.0-pg14", "0.6.0-pg15", false),
        ("windows", "8.0-ltsc2019", "8.0-ltsc2022", false),
        ("cuda", "2.2.0-cuda11.8", "2.2.0-cuda12.1", false),
        ("requests", "1.2.0-pr.5", "1.2.0-pr.6", false),
        ("dates", "1.2.0-slim-20240101", "1.2.1-slim-20240201", true),
        ("commits", "1.2.0-slim-1a2b3c4", "1.2.1-slim-5d6e7f8", true),
        ("case", "1.2.0-Alpine", "1.2.0-alpine", false),
        ("pre-release is no flavour", "3.13.0-rc.4-alpine", "3.13.0-alpine", true),
        ("post-release is no flavour", "12.0.1-security-01", "12.0.2", true),
    ] {
        assert_eq!(version(a).same_series(&version(b)), same, "{word}");
        assert_eq!(version(b).same_series(&version(a)), same, "{word}, turned");
    }
}
