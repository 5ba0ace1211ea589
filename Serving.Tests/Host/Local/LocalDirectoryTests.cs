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

    private static string Refusal(string directory)
    {
        var claim = () => LocalDirectory.Claim(Options(directory));
        return claim.Should().Throw<UserErrorException>().Which.Message;
    }

    private static LocalOptions Options(string directory) => new(directory, 0, 0, [], [], LocalOptions.AllRoles, Plain: true);
}
