using FluentAssertions;
using NUnit.Framework;
using Serving.Host;
using Serving.Host.Local;

namespace Serving.Tests.Host.Local;

public sealed class LocalDirectoryTests
{
    [Test]
    public void A_directory_in_use_is_told_apart_from_one_that_cannot_be_made()
    {
        var directory = Directory.CreateTempSubdirectory("local-directory-").FullName;
        using (LocalDirectory.Claim(Options(directory)))
        {
            Refusal(directory).Should().Contain("another local cluster uses it");
        }

        File.WriteAllText(Path.Combine(directory, "file"), "");
        Refusal(Path.Combine(directory, "file")).Should().Contain("it is not a directory");
        Refusal("/proc/serving-local-test").Should().Contain("it cannot be made or written to").And.NotContain("another local cluster");
        Directory.Delete(directory, recursive: true);
    }

    [Test]
    public void A_directory_of_an_older_release_is_closed_to_others()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("files have no modes there");
            return;
        }

        const UnixFileMode All = (UnixFileMode)0x1ff;
        var directory = Directory.CreateTempSubdirectory("local-directory-").FullName;
        var pods = Directory.CreateDirectory(Path.Combine(directory, "pods")).FullName;
        string[] files = ["state.db", "state.db-wal", "serving.log", "serving.log.1", "serving.subnet", "lock"];
        foreach (var file in files)
        {
            File.WriteAllText(Path.Combine(directory, file), "");
            File.SetUnixFileMode(Path.Combine(directory, file), All);
        }

        File.SetUnixFileMode(directory, All);
        File.SetUnixFileMode(pods, All);
        using (var claim = LocalDirectory.Claim(Options(directory)))
        {
            claim.OpenLog().Dispose();
            const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            File.GetUnixFileMode(directory).Should().Be(Owner | UnixFileMode.UserExecute);
            File.GetUnixFileMode(pods).Should().Be(Owner | UnixFileMode.UserExecute);
            foreach (var file in files)
            {
                File.GetUnixFileMode(Path.Combine(directory, file)).Should().Be(Owner, file);
            }
        }

        File.SetUnixFileMode(directory, All | UnixFileMode.StickyBit);
        Refusal(directory).Should().Contain("shared with other users");
        Directory.Delete(directory, recursive: true);
    }

    private static string Refusal(string directory)
    {
        var claim = () => LocalDirectory.Claim(Options(directory));
        return claim.Should().Throw<UserErrorException>().Which.Message;
    }

    private static LocalOptions Options(string directory) => new(directory, 0, 0, [], [], LocalOptions.AllRoles, Plain: true);
}
