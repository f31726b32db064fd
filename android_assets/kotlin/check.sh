#!/usr/bin/env bash
# Compiles the helper against the real Android libraries and replays a bundle's golden pairs on this machine.
#
#     android_assets/kotlin/check.sh [BUNDLE]      needs a JDK from 17 on, Maven and unzip; on Linux, x86_64
#
# Everything else comes from Maven Central (pom.xml), about 240 MB the first time. Exits with 3 where a tool is missing
# or Maven Central cannot be reached.
set -euo pipefail
bundle=$(realpath "${1:-$(dirname "$0")/../person_mobilenet_v2}")
cd "$(dirname "$0")"
for tool in javac mvn unzip; do
    if ! command -v $tool >/dev/null; then
        echo "android-check: not done, $tool is not installed (Debian: default-jdk-headless, maven, unzip)." >&2
        exit 3
    fi
done
[ -f "$bundle/model.json" ] || { echo "android-check: $bundle holds no model.json." >&2; exit 2; }

jars=build/jars
if [ ! build/fetched -nt pom.xml ]; then
    rm -rf build
    if ! mvn --batch-mode --quiet dependency:copy-dependencies; then
        echo "android-check: not done, Maven Central could not be reached." >&2
        exit 3
    fi
    for aar in $jars/*.aar; do unzip -p "$aar" classes.jar >"${aar%.aar}-classes.jar"; done
    unzip -q -j $jars/tflite-native-cpu-*.jar 'native/lib/*' -d build/native
    touch build/fetched
fi

kotlin=$(echo $jars/kotlin*.jar $jars/annotations-*.jar | tr ' ' :)
app=$(echo $jars/tensorflow-lite*-classes.jar $jars/android-all-*.jar | tr ' ' :)
junit=$(echo $jars/junit-platform-console-standalone-*.jar)
stdlib=$(echo $jars/kotlin-stdlib-*.jar)
# A compiler that runs for seconds is faster with the quick half of the just-in-time compiler alone.
java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$kotlin" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler -no-stdlib \
    -no-reflect -jvm-target 11 -Werror -cp "$stdlib:$app:$junit" -d build/classes src
echo "compiled against: $(cd $jars && echo tensorflow-lite*.aar android-all-*.jar)"

# TensorFlow Lite 2.6.2 for Linux takes the place of the app's 2.16.1, which is for phones.
runtime=$(echo $jars/tflite-engine-*.jar $jars/tensorflow-lite-gpu-*-classes.jar $jars/android-all-*.jar | tr ' ' :)
java -Druntime="$PWD/build/native/libtensorflowlite_jni.so" -Dbundle="$bundle" -jar "$junit" execute --disable-banner --disable-ansi-colors --details=tree \
    --scan-classpath build/classes --class-path "build/classes:$stdlib:$runtime"
