"""Where samples come from: arrays, folders of images, data sets, saved generators."""
