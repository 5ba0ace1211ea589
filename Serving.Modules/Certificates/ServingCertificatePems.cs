namespace Serving.Certificates;

/// <summary>A serving certificate with its key and the authorities that clients must trust, in PEM.</summary>
/// <param name="Key">The private key (PKCS#8).</param>
/// <param name="Certificate">The certificate.</param>
/// <param name="Authorities">One authority, or two while some clients still trust the previous one only.</param>
public sealed record ServingCertificatePems(string Key, string Certificate, string Authorities)
{
    private const string End = "-----END CERTIFICATE-----";

    /// <summary>The first of several authorities, which is the newest, with its line feed.</summary>
    internal static string Newest(string authorities) =>
        authorities.IndexOf(End, StringComparison.Ordinal) is >= 0 and var end ? authorities[..(end + End.Length)] + "\n" : "";
}
