namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>The endpoints of cloud identity services. The defaults are the public ones; tests and private clouds use others.</summary>
public sealed record CloudEndpoints
{
    /// <summary>The metadata server of Google's machines.</summary>
    public Uri GoogleMetadata { get; init; } = new("http://metadata.google.internal/");

    /// <summary>The metadata service of Azure's machines.</summary>
    public Uri AzureMetadata { get; init; } = new("http://169.254.169.254/");

    /// <summary>Azure's directory (Microsoft Entra ID).</summary>
    public Uri AzureDirectory { get; init; } = new("https://login.microsoftonline.com/");

    /// <summary>The URL of an Azure registry, by its host.</summary>
    public Func<string, Uri> AzureRegistry { get; init; } = static registry => new Uri($"https://{registry}/");

    /// <summary>The metadata service of Amazon's machines.</summary>
    public Uri AmazonMetadata { get; init; } = new("http://169.254.169.254/");

    /// <summary>The credential endpoint of Amazon's container agents.</summary>
    public Uri AmazonContainers { get; init; } = new("http://169.254.170.2/");

    /// <summary>Amazon's token service (STS) of a region, in a domain: each partition, such as China's or an isolated one, has its
    /// own.</summary>
    public Func<string, string, Uri> AmazonTokens { get; init; } = static (region, domain) => new Uri($"https://sts.{region}.{domain}/");

    /// <summary>The API of Amazon's private registries in a region and a domain; with a FIPS endpoint when true.</summary>
    public Func<string, string, bool, Uri> AmazonRegistry { get; init; } =
        static (region, domain, fips) => new Uri(fips ? $"https://ecr-fips.{region}.{domain}/" : $"https://api.ecr.{region}.{domain}/");

    /// <summary>The API of Amazon's public registry, which exists in one region.</summary>
    public Uri AmazonPublicRegistry { get; init; } = new("https://api.ecr-public.us-east-1.amazonaws.com/");

    /// <summary>Reads an environment variable of this process.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;
}
