using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Deploy;
using Serving.Tests.Support;

namespace Serving.Tests.Images;

/// <summary><c>deploy/images/build</c> with a tiny program and a tiny base.</summary>
[TestFixture]
[Platform(Exclude = "Win")]
[UnsupportedOSPlatform("windows")]
public sealed class ImageBuildTests
{
    private const string Name = "registry.example/serving/queue-proxy:v1";
    private string _folder = null!;

    [OneTimeSetUp]
    public async Task BuildAsync()
    {
        foreach (var tool in (string[])["bash", "tar", "gzip", "sha256sum", "awk"])
        {
            if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, tool))))
                Assert.Ignore($"{tool} is not installed.");
        }

        _folder = Directory.CreateTempSubdirectory("images").FullName;
        await WriteAsync("publish/Serving.QueueProxy", "program", executable: true);
        await WriteAsync("publish/Serving.QueueProxy.pdb", "symbols");
        await WriteAsync(
            "publish/Serving.QueueProxy.deps.json",
            """
            {
              "targets": {
                "net10.0/linux-x64": {
                  "Serving.QueueProxy/0.1.0": {}
                }
              },
              "libraries": {
                "Serving.QueueProxy/0.1.0": {
                  "type": "project",
                  "serviceable": false,
                  "sha512": ""
                },
                "Yarp.ReverseProxy/2.1.0": {
                  "type": "package",
                  "serviceable": true,
                  "sha512": "sha512-AQID"
                }
              }
            }
            """
        );
        await WriteAsync("base/etc/passwd", "nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n");
        await WriteAsync("base/var/lib/dpkg/status.d/libc6", "Package: libc6\nVersion: 2.36-9+deb12u1\n");
        await BuildAsync("first");
    }

    [OneTimeTearDown]
    public void Delete()
    {
        if (_folder is not null)
            Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void The_archive_is_an_OCI_layout_whose_blobs_are_named_by_their_digests()
    {
        var files = Read("first");

        files["oci-layout"].AsJson()["imageLayoutVersion"]!.GetValue<string>().Should().Be("1.0.0");
        var entry = Json(files, "index.json")["manifests"]!.AsArray().Single()!;
        entry["annotations"]!["org.opencontainers.image.ref.name"]!.GetValue<string>().Should().Be(Name);
        entry["platform"]!["architecture"]!.GetValue<string>().Should().Be("arm64");
        var manifest = Described(files, entry).AsJson();
        var described = manifest["layers"]!.AsArray().Append(manifest["config"]).Append(entry).ToList();
        described.Should().HaveCount(4);
        foreach (var descriptor in described)
        {
            var blob = Described(files, descriptor!);
            blob.Should().HaveCount(descriptor!["size"]!.GetValue<int>());
            ("sha256:" + Convert.ToHexStringLower(SHA256.HashData(blob))).Should().Be(descriptor["digest"]!.GetValue<string>());
        }
    }

    [Test]
    public void The_archive_also_says_in_the_way_of_older_engines_which_blobs_the_image_consists_of()
    {
        var files = Read("first");
        var manifest = Described(files, Json(files, "index.json")["manifests"]![0]!).AsJson();

        var image = Json(files, "manifest.json").AsArray().Single()!;

        image["RepoTags"]!.AsArray().Select(static name => name!.GetValue<string>()).Should().Equal(Name);
        image["Config"]!.GetValue<string>().Should().Be(FileOf(manifest["config"]!));
        image["Layers"]!
            .AsArray()
            .Select(static file => file!.GetValue<string>())
            .Should()
            .Equal(manifest["layers"]!.AsArray().Select(static layer => FileOf(layer!)));
    }

    [Test]
    public async Task An_archive_of_the_same_commit_files_and_options_is_kept_when_asked_for()
    {
        string[] options =
        [
            "--reuse",
            "--arch",
            "arm64",
            "--output",
            Path.Combine(_folder, "kept"),
            "--base",
            Path.Combine(_folder, "base"),
            "--publish",
            Path.Combine(_folder, "publish"),
            "queue-proxy",
        ];
        var (code, error) = await RunAsync(options);
        code.Should().Be(0, error);
        var archive = Directory.GetFiles(Path.Combine(_folder, "kept"), "*-arm64.tar").Single();
        await File.WriteAllTextAsync(archive, "kept", Encoding.ASCII);

        await RunAsync(options);
        (await File.ReadAllTextAsync(archive)).Should().Be("kept");

        // Without the option each is built anew.
        await RunAsync(options[1..]);
        new FileInfo(archive).Length.Should().BeGreaterThan(1000);

        // A program that is asked for is not in what is kept.
        await File.WriteAllTextAsync(archive, "kept", Encoding.ASCII);
        var programs = Path.Combine(_folder, "programs");
        await RunAsync([.. options[..^1], "--programs", programs, "queue-proxy"]);
        new FileInfo(archive).Length.Should().BeGreaterThan(1000);
        (await File.ReadAllTextAsync(Path.Combine(programs, "queue-proxy", "Serving.QueueProxy")))
            .Should()
            .Be(await File.ReadAllTextAsync(Path.Combine(_folder, "publish", "Serving.QueueProxy")));
    }

    [Test]
    public void The_image_runs_its_program_as_a_user_without_rights()
    {
        var files = Read("first");
        var manifest = Described(files, Json(files, "index.json")["manifests"]![0]!).AsJson();
        var image = Described(files, manifest["config"]!).AsJson();

        image["os"]!.GetValue<string>().Should().Be("linux");
        image["architecture"]!.GetValue<string>().Should().Be("arm64");
        var config = image["config"]!;
        config["User"]!.GetValue<string>().Should().Be("65532:65532");
        config["Entrypoint"]!.AsArray().Single()!.GetValue<string>().Should().Be("/app/Serving.QueueProxy");
        config["Labels"]!["org.opencontainers.image.version"]!.GetValue<string>().Should().Be("v1");
        config["ExposedPorts"]!.AsObject().Select(static port => port.Key).Should().Contain("8012/tcp");
        image["rootfs"]!["diff_ids"]!
            .AsArray()
            .Select(static id => id!.GetValue<string>())
            .Should()
            .Equal(
                manifest["layers"]!
                    .AsArray()
                    .Select(layer => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Unzip(Described(files, layer!)))))
            );
    }

    [Test]
    public void The_layers_hold_the_base_and_the_program_owned_by_root_and_without_symbols()
    {
        var files = Read("first");
        var layers = Described(files, Json(files, "index.json")["manifests"]![0]!).AsJson()["layers"]!.AsArray();

        var entries = layers.SelectMany(layer => Entries(Unzip(Described(files, layer!)))).ToList();

        entries
            .Where(static entry => entry.EntryType == TarEntryType.RegularFile)
            .Select(static entry => entry.Name)
            .Should()
            .Equal("./etc/passwd", "./var/lib/dpkg/status.d/libc6", "./app/Serving.QueueProxy", "./app/Serving.QueueProxy.deps.json");
        entries
            .Should()
            .OnlyContain(static entry => entry.Uid == 0 && entry.Gid == 0 && entry.ModificationTime.ToUnixTimeSeconds() == 1_700_000_000);
        entries.Single(static entry => entry.Name == "./app/Serving.QueueProxy").Mode.Should().Be((UnixFileMode)Convert.ToInt32("755", 8));
    }

    [Test]
    public void The_bill_of_materials_names_what_is_in_the_image()
    {
        var sbom = File.ReadAllBytes(Path.Combine(_folder, "first", "queue-proxy-v1-arm64.spdx.json")).AsJson();

        sbom["spdxVersion"]!.GetValue<string>().Should().Be("SPDX-2.3");
        var packages = sbom["packages"]!
            .AsArray()
            .ToDictionary(static package => package!["name"]!.GetValue<string>(), static package => package!);
        packages.Keys.Should().BeEquivalentTo("registry.example/serving/queue-proxy", "libc6", "Yarp.ReverseProxy");
        packages["libc6"]["externalRefs"]![0]!["referenceLocator"]!.GetValue<string>().Should().Be("pkg:deb/debian/libc6@2.36-9%2Bdeb12u1");
        packages["Yarp.ReverseProxy"]["checksums"]![0]!["checksumValue"]!.GetValue<string>().Should().Be("010203");
        var index = Read("first")["index.json"].AsJson();
        ("sha256:" + packages["registry.example/serving/queue-proxy"]["checksums"]![0]!["checksumValue"]!.GetValue<string>())
            .Should()
            .Be(index["manifests"]![0]!["digest"]!.GetValue<string>());
    }

    [Test]
    public async Task The_same_input_gives_the_same_archive()
    {
        // Neither when a file was written nor what the umask was may matter.
        File.SetLastWriteTimeUtc(Path.Combine(_folder, "publish", "Serving.QueueProxy"), DateTime.UnixEpoch);
        File.SetUnixFileMode(
            Path.Combine(_folder, "publish", "Serving.QueueProxy.deps.json"),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite
        );

        await BuildAsync("second");

        foreach (var file in (string[])["queue-proxy-v1-arm64.tar", "queue-proxy-v1-arm64.spdx.json"])
            (await File.ReadAllBytesAsync(Path.Combine(_folder, "second", file)))
                .Should()
                .Equal(await File.ReadAllBytesAsync(Path.Combine(_folder, "first", file)));
    }

    [Test]
    public async Task Without_a_tag_an_image_is_called_as_the_manifests_name_it()
    {
        var (code, error) = await RunAsync(
            "--arch",
            "arm64",
            "--output",
            Path.Combine(_folder, "untagged"),
            "--base",
            Path.Combine(_folder, "base"),
            "--publish",
            Path.Combine(_folder, "publish"),
            "queue-proxy"
        );

        code.Should().Be(0, error);
        var named = RenderedManifest.Read("serving.yaml").Single(item => item.Metadata.Name == "config-deployment").Strings("data")[
            "queue-sidecar-image"
        ];
        var bill = JsonNode.Parse(
            await File.ReadAllTextAsync(Directory.GetFiles(Path.Combine(_folder, "untagged"), "*.spdx.json").Single())
        )!;
        bill["name"]!.GetValue<string>().Should().Be(named);
    }

    [Test]
    public async Task An_image_is_never_called_latest()
    {
        var (code, error) = await RunAsync("--tag", "latest", "host");

        code.Should().Be(1);
        error.Should().Contain("never called latest");
    }

    private static byte[] Described(Dictionary<string, byte[]> files, JsonNode descriptor) => files[FileOf(descriptor)];

    private static string FileOf(JsonNode descriptor) => "blobs/sha256/" + descriptor["digest"]!.GetValue<string>()["sha256:".Length..];

    private static JsonNode Json(Dictionary<string, byte[]> files, string name) => files[name].AsJson();

    private static byte[] Unzip(byte[] blob)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(blob), CompressionMode.Decompress))
            gzip.CopyTo(output);
        return output.ToArray();
    }

    private static List<TarEntry> Entries(byte[] tar)
    {
        using var reader = new TarReader(new MemoryStream(tar));
        var entries = new List<TarEntry>();
        while (reader.GetNextEntry(copyData: true) is { } entry)
            entries.Add(entry);
        return entries;
    }

    private Dictionary<string, byte[]> Read(string output) =>
        Entries(File.ReadAllBytes(Path.Combine(_folder, output, "queue-proxy-v1-arm64.tar")))
            .Where(static entry => entry.EntryType == TarEntryType.RegularFile)
            .ToDictionary(
                static entry => entry.Name,
                static entry =>
                {
                    using var content = new MemoryStream();
                    entry.DataStream!.CopyTo(content);
                    return content.ToArray();
                }
            );

    private async Task BuildAsync(string output)
    {
        var (code, error) = await RunAsync(
            "--registry",
            "registry.example/serving",
            "--tag",
            "v1",
            "--arch",
            "arm64",
            "--output",
            Path.Combine(_folder, output),
            "--base",
            Path.Combine(_folder, "base"),
            "--publish",
            Path.Combine(_folder, "publish"),
            "queue-proxy"
        );
        code.Should().Be(0, error);
    }

    private static async Task<(int Code, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("bash", [Repository.PathOf("deploy", "images", "build"), .. arguments])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["SOURCE_DATE_EPOCH"] = "1700000000";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        await output;
        return (process.ExitCode, await error);
    }

    private async Task WriteAsync(string path, string content, bool executable = false)
    {
        var file = Path.Combine(_folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await File.WriteAllTextAsync(file, content, Encoding.ASCII);
        if (executable)
            File.SetUnixFileMode(file, File.GetUnixFileMode(file) | UnixFileMode.UserExecute);
    }
}

file static class Bytes
{
    public static JsonNode AsJson(this byte[] bytes) => JsonNode.Parse(bytes)!;
}
