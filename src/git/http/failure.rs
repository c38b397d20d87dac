//! What a request that failed means.

use std::{error::Error, io};

use reqwest::{Response, StatusCode};

use super::line::Line;
use crate::{
    git::{text, trouble::Trouble},
    net::{cause, innermost, is_about_our_certificate, is_unknown_name},
};

/// What is read of the body of a refusal.
const REFUSAL: usize = 16 * 1024;

/// What a failure of the HTTP library means.
pub(super) fn trouble(line: &Line, error: &reqwest::Error) -> Trouble {
    if let Some(tls) = cause::<rustls::Error>(error) {
        return of_tls(line, tls);
    }
    if let Some(trouble) = of_proxy(error) {
        return trouble;
    }
    if is_unknown_name(error) {
        return Trouble::UnknownHost(line.host().to_owned());
    }
    if error.is_timeout() {
        return Trouble::TimedOut;
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => Trouble::ConnectionRefused,
        Some(io::ErrorKind::TimedOut) => Trouble::TimedOut,
        _ if error.is_connect() => Trouble::Unreachable(text::one_line(innermost(error).as_bytes(), None)),
        _ => match cause::<hyper::Error>(error) {
            Some(error) if error.is_parse() => Trouble::NotGit,
            // What was compressed cannot be read.
            None if error.is_decode() => Trouble::NotGit,
            _ => Trouble::Cut,
        },
    }
}

/// Whether a request may have failed because the connection that was kept for it had ended.
pub(super) fn is_cut(error: &reqwest::Error) -> bool {
    !error.is_timeout() && !error.is_connect() && cause::<rustls::Error>(error).is_none()
}

fn of_tls(line: &Line, error: &rustls::Error) -> Trouble {
    match error {
        rustls::Error::InvalidCertificate(fault) => line.distrust(fault),
        rustls::Error::InvalidMessage(_) => Trouble::NotTls,
        error if is_about_our_certificate(error) => line.unshown(),
        error => Trouble::Unreachable(text::one_line(error.to_string().as_bytes(), None)),
    }
}

/// A proxy's failures have no type of their own in the HTTP library.
fn of_proxy(error: &reqwest::Error) -> Option<Trouble> {
    let told =
        std::iter::successors(error.source(), |&error| error.source()).map(ToString::to_string).find(|text| text.starts_with("tunnel error"))?;
    Some(match () {
        () if told.contains("authorization required") => Trouble::ProxySignIn,
        () if told.contains("underlying connection") => Trouble::ProxyUnreachable,
        () => Trouble::ProxyRefused,
    })
}

/// What an answer other than the wanted one means.
pub(super) fn of_status(line: &Line, mut answer: Response) -> Trouble {
    match answer.status() {
        StatusCode::UNAUTHORIZED if line.signs_in() => Trouble::Unauthorized,
        StatusCode::UNAUTHORIZED => Trouble::SignInWanted,
        StatusCode::FORBIDDEN => Trouble::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::GONE => Trouble::NotFound,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Trouble::ProxySignIn,
        // nginx shakes hands with everybody and refuses afterwards.
        StatusCode::BAD_REQUEST if said(line, &mut answer).contains("SSL certificate") => line.unshown(),
        status => Trouble::Status(status.as_u16()),
    }
}

/// The beginning of what a refusal says.
fn said(line: &Line, answer: &mut Response) -> String {
    let mut said = Vec::new();
    while said.len() < REFUSAL
        && let Ok(Ok(Some(chunk))) = line.wait(answer.chunk())
    {
        said.extend_from_slice(&chunk);
    }
    String::from_utf8_lossy(&said).into_owned()
}
