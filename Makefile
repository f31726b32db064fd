# Every target sets up what it needs first. PYTHON may name another interpreter, from 3.11 on.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
PICTURES := runs/pictures
DATA ?= ../shared/data
CLIP ?= $(DATA)/demo/davis_parkour.mp4
SHIPPED := android_assets/person_mobilenet_v2

.PHONY: setup demo peers evaluate parity test test-mediapipe lint clean test-distributed pictures web web-test web-picture

setup: .venv/.installed

.venv/.installed: setup.cfg constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	touch $@

# The whole line on the embedded sample set: fine-tune a little, export, measure, cut out. The fine-tuned model is
# for show; the cut-outs are made with the shipped one.
demo: setup
	rm -rf $(DEMO)
	$(BIN)/python -m training.fit --epochs 2 --out $(DEMO)/fit
	$(BIN)/python -m export.tflite_convert --model $(DEMO)/fit/best_dice.keras --calibration $(DEMO)/fit/sample/train \
	    --out $(DEMO)/person_int8.tflite
	$(BIN)/python -m tfseg.sample $(DEMO)/portraits
	$(BIN)/tfseg cutout $(DEMO)/portraits/*.png --out $(DEMO)/cutouts
	$(BIN)/python -m training.evaluate --model $(DEMO)/person_int8.tflite --out $(DEMO)/evaluation \
	    --data $(DEMO)/fit/sample/val $(DEMO)/fit/sample/val_empty
	@echo "cut-outs: $(DEMO)/cutouts/   curves: $(DEMO)/fit/curves.png   int8 model: $(DEMO)/person_int8.tflite"

# The pictures of the README, by the commands that it shows; CLIP is DAVIS 2016's sequence "parkour" (BSD) as a video.
pictures: setup
	rm -rf $(PICTURES)
	$(BIN)/python -m tfseg.sample $(PICTURES)
	$(BIN)/tfseg cutout $(PICTURES)/*.png --out $(PICTURES)/cutout
	$(BIN)/tfseg mask $(PICTURES)/*.png --out $(PICTURES)/mask
	$(BIN)/tfseg blur $(PICTURES)/*.png --out $(PICTURES)/blur
	$(BIN)/tfseg replace $(PICTURES)/grace_hopper.png --out $(PICTURES)/replace --background '#7fb8c8'
	$(BIN)/tfseg replace $(PICTURES)/astronaut.png --out $(PICTURES)/replace \
	    --background "$$($(BIN)/python -c 'import skimage; print(skimage.__path__[0])')/data/rocket.jpg"
	$(BIN)/python -m training.montage --columns 5 --out docs/cutout.jpg $(foreach name,grace_hopper astronaut, \
	    $(PICTURES)/$(name).png $(PICTURES)/mask/$(name).png $(PICTURES)/cutout/$(name).png \
	    $(PICTURES)/blur/$(name).jpg $(PICTURES)/replace/$(name).jpg)
	$(BIN)/tfseg replace $(CLIP) --out docs/parkour.gif --background '#7fb8c8' --every 3 --max-side 360 --overwrite

# MediaPipe, to be measured beside our model: it pins NumPy below 2, so it lives in an environment of its own.
peers: .peers/.installed

.peers/.installed: Makefile
	$(PYTHON) -m venv .peers
	.peers/bin/python -m pip install --quiet mediapipe==0.10.21
	touch $@

# Every shipped file and MediaPipe on the same validation photos; DATA holds the sets of docs/training-data.md.
evaluate: setup peers
	$(BIN)/python -m training.evaluate --out runs/evaluation --mirror --kind int8 float16 --peer mediapipe \
	    --model $(SHIPPED) tfseg/pretrained/person_mobilenet_v2.keras \
	    --data $(foreach set,picsart pfcn wild coco ccp empty,$(DATA)/val/$(set))

# What every shipped file loses against the checkpoint, beside what it may lose.
parity: setup
	$(BIN)/python -m export.parity --data $(foreach set,picsart pfcn,$(DATA)/val/$(set))

test: setup
	$(BIN)/python -m pytest

# MediaPipe Tasks' ImageSegmenter on our files, as Android, iOS and web apps load them.
test-mediapipe: setup peers
	$(BIN)/python -m pytest tests/test_mediapipe_tasks.py

# Two processes that train as one. JAX comes beside what is installed, and moves no version of it.
test-distributed: .venv/.jax
	$(BIN)/python -m pytest tests/test_devices.py

.venv/.jax: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[jax]'
	touch $@

# The page that runs the model on the visitor's device, to look at: python -m http.server -d site
web: setup
	$(BIN)/python -m export.web --out site

# The page in a real Chromium, and the README's picture of it: apt-get install chromium npm
web-test: .venv/.web-test
	$(BIN)/python -m pytest tests/test_web_site.py tests/test_web_modules.py tests/test_web_page.py

web-picture: web .venv/.web-test
	$(BIN)/python -m export.web.screenshot site docs/web.jpg

.venv/.web-test: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[web-test]'
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv .peers runs site *.egg-info
