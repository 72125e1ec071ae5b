"""Certificates for fakes that speak TLS."""
import pathlib
import subprocess


def make_certificate(directory, name="localhost"):
    """A self-signed certificate that is its own CA; returns (certificate, key)."""
    certificate, key = pathlib.Path(directory) / f"{name}.pem", pathlib.Path(directory) / f"{name}.key"
    alternative = "DNS:localhost,IP:127.0.0.1" if name == "localhost" else f"DNS:{name}"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}", "-keyout", key,
                    "-out", certificate], check=True, capture_output=True, timeout=60)
    return certificate, key
