//! Cards as pictures: drawn in a terminal, written as PNG, and read.

use std::fs;
use std::path::Path;

use image::{GrayImage, ImageReader, Limits, Luma};
use qrcode::{Color, EcLevel, QrCode};

use super::failure::Failure;
use super::folder::{create_private, unreadable, unwritable};

/// Light modules around a code: four are the norm, two are enough for a screen.
const BORDER: usize = 2;
/// Pixels a module of a picture.
const SCALE: u32 = 8;
/// Pixels a side, and bytes, of the largest picture that is read.
const SIDE_MAX: u32 = 10_000;
const BYTES_MAX: u64 = 64 << 20;

/// A QR code.
pub(crate) struct Qr {
    dark: Vec<bool>,
    side: usize,
}

impl Qr {
    /// The code of a text.
    pub(crate) fn of(text: &str) -> Result<Self, Failure> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M)
            .map_err(|error| Failure::failed(format!("no QR code holds this: {error}")))?;
        let side = code.width();
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Ok(Self { dark, side })
    }

    fn is_dark(&self, x: usize, y: usize, border: usize) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(border), y.checked_sub(border)) else {
            return false;
        };
        x < self.side && y < self.side && self.dark.get(y * self.side + x) == Some(&true)
    }

    /// Lines of half blocks, two modules high. Where `inverted`, light is what is drawn, for a
    /// terminal with a dark ground and no colours; else dark is, for black on white.
    pub(crate) fn lines(&self, inverted: bool) -> Vec<String> {
        let side = self.side + 2 * BORDER;
        let row = |y: usize| {
            let symbol = |x: usize| {
                let upper = self.is_dark(x, y, BORDER) != inverted;
                let lower =
                    (y + 1 < side || !inverted) && self.is_dark(x, y + 1, BORDER) != inverted;
                match (upper, lower) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                }
            };
            (0..side).map(symbol).collect()
        };
        (0..side).step_by(2).map(row).collect()
    }

    /// Writes a PNG file that only its owner can read.
    pub(crate) fn write_png(&self, path: &Path) -> Result<(), Failure> {
        let border = 2 * BORDER;
        let modules = u32::try_from(self.side + 2 * border).unwrap_or(u32::MAX);
        let picture = GrayImage::from_fn(modules * SCALE, modules * SCALE, |x, y| {
            let at = |pixel: u32| (pixel / SCALE) as usize;
            Luma([if self.is_dark(at(x), at(y), border) { 0 } else { 255 }])
        });
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture
            .write_to(&mut bytes, image::ImageFormat::Png)
            .map_err(|error| unwritable(path, &error))?;
        let mut file = create_private(path)?;
        std::io::Write::write_all(&mut file, bytes.get_ref())
            .map_err(|error| unwritable(path, &error))
    }
}

/// The text of the QR code in a PNG or JPEG file; of several, that of the only card.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let about = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !about.is_file() || about.len() > BYTES_MAX {
        return Err(Failure::usage(format!(
            "{} is no file of at most 64 MiB; name a PNG or JPEG picture",
            path.display()
        )));
    }
    let no_picture = |error: &dyn core::fmt::Display| {
        Failure::usage(format!(
            "{} is no whole PNG or JPEG picture ({error}); take or copy it again",
            path.display()
        ))
    };
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| unreadable(path, &error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| no_picture(&error))?.to_luma8();
    let texts = codes(&picture);
    let is_card =
        |text: &&String| text.get(..9).is_some_and(|front| front.eq_ignore_ascii_case("edgewise:"));
    let mut cards = texts.iter().filter(is_card);
    match (cards.next(), cards.next(), texts.first()) {
        (Some(card), None, _) => Ok(card.clone()),
        (Some(_), Some(_), _) => Err(Failure::usage(format!(
            "{} shows more than one invitation; cut out the one you mean",
            path.display()
        ))),
        // Not a card: what it is, is said by whoever reads the text.
        (None, _, Some(text)) => Ok(text.clone()),
        (None, _, None) => Err(Failure::usage(format!(
            "no QR code can be read in {}; take it closer and sharper, with all four edges, or use the link",
            path.display()
        ))),
    }
}

fn codes(picture: &GrayImage) -> Vec<String> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixel = |x: usize, y: usize| {
        let at = |n| u32::try_from(n).unwrap_or(u32::MAX);
        picture.get_pixel_checked(at(x), at(y)).map_or(255, |pixel| pixel.0[0])
    };
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, pixel);
    let grids = prepared.detect_grids();
    grids.into_iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "EDGEWISE:S1/0123456789ABCDEFGHJKMNPQRSTVWXYZ0123456789ABCDEFGHJK/0123456789ABCDEFGHJKMNPQRSTVWXYZ0123456789ABCDEFGHJK/CHAT.EXAMPLE.ORG:5223/ABCDEFGH";

    #[test]
    fn a_picture_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.png");
        Qr::of(CARD).unwrap().write_png(&path).unwrap();
        assert_eq!(read(&path).unwrap(), CARD);
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        // A photo of it: smaller, greyer, JPEG.
        let photo = folder.path().join("photo.jpg");
        let picture = image::open(&path).unwrap();
        let picture = picture.resize(350, 350, image::imageops::FilterType::Triangle).brighten(-40);
        picture.to_luma8().save(&photo).unwrap();
        assert_eq!(read(&photo).unwrap(), CARD);
    }

    #[test]
    fn the_lines_of_a_terminal_are_the_code() {
        for inverted in [false, true] {
            let lines = Qr::of(CARD).unwrap().lines(inverted);
            let width = lines[0].chars().count();
            assert!(lines.len() <= 30 && lines.iter().all(|line| line.chars().count() == width));
            let dark = |x: usize, y: usize| {
                let symbol = lines[y / 2].chars().nth(x).unwrap();
                let drawn = match symbol {
                    '█' => true,
                    '▀' => y.is_multiple_of(2),
                    '▄' => !y.is_multiple_of(2),
                    _ => false,
                };
                drawn != inverted
            };
            let picture = GrayImage::from_fn(width as u32 * 6, width as u32 * 6, |x, y| {
                Luma([if dark(x as usize / 6, y as usize / 6) { 0 } else { 255 }])
            });
            assert_eq!(codes(&picture), [CARD], "{inverted}");
        }
    }

    #[test]
    fn pictures_without_a_code_and_pieces_of_one_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let white = folder.path().join("white.png");
        GrayImage::from_pixel(200, 200, Luma([255])).save(&white).unwrap();
        assert!(read(&white).unwrap_err().message.contains("no QR code can be read"));
        let path = folder.path().join("card.png");
        Qr::of(CARD).unwrap().write_png(&path).unwrap();
        // The lower half is missing.
        let half = folder.path().join("half.png");
        let picture = image::open(&path).unwrap();
        picture.crop_imm(0, 0, picture.width(), picture.height() / 2).save(&half).unwrap();
        assert!(read(&half).unwrap_err().message.contains("no QR code can be read"));
        // The file ends too early.
        let bytes = fs::read(&path).unwrap();
        let cut = folder.path().join("cut.png");
        fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
        assert!(read(&cut).unwrap_err().message.contains("no whole PNG or JPEG"));
        let text = folder.path().join("text.png");
        fs::write(&text, "no picture").unwrap();
        assert!(read(&text).unwrap_err().message.contains("no whole PNG or JPEG"));
        assert!(read(folder.path()).is_err());
        assert!(read(&folder.path().join("none.png")).is_err());
    }
}
