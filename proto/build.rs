//! Compiles the schemas with protox, so that nobody needs protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=edgewise");
    let schemas = [
        "edgewise/v1/connection.proto",
        "edgewise/v1/error.proto",
        "edgewise/v1/frame.proto",
        "edgewise/v1/link.proto",
        "edgewise/v1/rotation.proto",
        "edgewise/v1/service.proto",
        "edgewise/conformance/v1/control.proto",
        "edgewise/conformance/v1/driver.proto",
    ];
    let descriptors = protox::compile(schemas, ["."])?;
    let services = std::env::var_os("CARGO_FEATURE_SERVICES").is_some();
    tonic_prost_build::configure()
        .bytes(".")
        .build_client(services)
        .build_server(services)
        .compile_fds(descriptors)?;
    Ok(())
}
